// Starts and ends the processes of a run.
import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { fronts } from "./fronts.mjs";

/** @typedef {import("node:child_process").ChildProcess} ChildProcess */

/**
 * A running process that can be asked for an answer.
 *
 * @typedef {{
 *   pid: number,
 *   port: number,
 *   front: import("./fronts.mjs").Front,
 *   stop: () => Promise<void>,
 * }} Target
 */

const startLimit = 15_000;
const stopLimit = 5_000;
const loggedCharacters = 4_000;

let log = "";

/** The last that any proxy of the run has printed. */
export function proxyLog() {
  return log;
}

/** @type {Set<ChildProcess>} */
const children = new Set();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

export function startBackend() {
  return startOwn("backend.mjs", []);
}

/** @param {number} backendPort */
export function startPipe(backendPort) {
  return startOwn("bare-pipe.mjs", [String(backendPort)]);
}

/**
 * @param {string} name
 * @param {string[]} options
 * @returns {Promise<Target>}
 */
async function startOwn(name, options) {
  const child = fork(fileURLToPath(new URL(name, import.meta.url)), options, { execArgv: [] });
  const pid = keep(child);
  const [{ port }] = await once(child, "message", { signal: AbortSignal.timeout(startLimit) });
  return { pid, port, front: fronts.openai, stop: () => stop(child) };
}

/**
 * @param {number} backendPort
 * @param {{ main: string, profileFolder: string | undefined }} options
 * @returns {Promise<Target>}
 */
export async function startProxy(backendPort, { main, profileFolder }) {
  const port = await freePort();
  const profiling =
    profileFolder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileFolder}`];
  const child = spawn(process.execPath, [...profiling, main, "serve"], {
    stdio: ["ignore", "pipe", "pipe"],
    // Neither a configuration file nor a variable of the caller may decide what is measured.
    cwd: fileURLToPath(new URL(".", import.meta.url)),
    env: {
      OPENAI_BASE_URL: `http://127.0.0.1:${backendPort}/v1`,
      OPENAI_API_KEY: "bench",
      OLLAMA_HOST: `127.0.0.1:${port}`,
      PROXY_LOG_LEVEL: "warn",
      // The pipe has no queue either.
      OLLAMA_NUM_PARALLEL: "100000",
    },
  });
  const pid = keep(child);
  for (const output of [child.stdout, child.stderr]) {
    output.setEncoding("utf8").on("data", (/** @type {string} */ text) => {
      log = (log + text).slice(-loggedCharacters);
    });
  }
  await untilReady(port, child);
  return { pid, port, front: fronts.ollama, stop: () => stop(child) };
}

/**
 * @param {number} port
 * @param {ChildProcess} child
 */
async function untilReady(port, child) {
  const end = performance.now() + startLimit;
  while (performance.now() < end && child.exitCode === null) {
    const isReady = await fetch(`http://127.0.0.1:${port}/healthz`, {
      signal: AbortSignal.timeout(1000),
    })
      .then((response) => response.ok)
      .catch(() => false);
    if (isReady) return;
    await sleep(50);
  }
  throw new Error("the proxy's /healthz did not answer 200");
}

/** @param {ChildProcess} child */
function keep(child) {
  if (child.pid === undefined) throw new Error(`${child.spawnfile} could not be started`);
  children.add(child);
  return child.pid;
}

/** @param {ChildProcess} child */
async function stop(child) {
  children.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  // Unlike SIGTERM, this does not have the proxy serve on for a while.
  child.kill("SIGINT");
  const timer = setTimeout(() => child.kill("SIGKILL"), stopLimit);
  await ended;
  clearTimeout(timer);
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("No port was given");
  return address.port;
}
