import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

interface Settings {
  environment?: Record<string, string>;
  folder?: string;
  /** What the program reads; its input is closed after it. */
  input?: string;
  /** What a server is asked to stop by; default SIGTERM. */
  stopSignal?: "SIGINT";
}

export interface Finished {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface Server {
  /** All it has printed so far. */
  output(): string;
  stop(): Promise<void>;
}

/** Ends what is still running when this process ends, whatever ends it. */
const running = new Set<() => void>();
const endAll = () => running.forEach((end) => end());
process.once("exit", endAll);
process.once("SIGTERM", () => process.exit(143));
process.once("SIGINT", () => process.exit(130));

/** Only what a program needs to run: no setting of the developer's own reaches it. */
export function plainEnvironment(added: Record<string, string> = {}): Record<string, string> {
  const kept = ["PATH", "LANG", "TMPDIR", "GOFLAGS", "GOPROXY", "GOTOOLCHAIN"];
  const values = kept.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(values), ...added };
}

/** Runs a program to its end. */
export async function runProgram(
  command: string,
  options: readonly string[],
  settings: Settings = {},
): Promise<Finished> {
  const child = start(command, options, settings);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (bytes: Buffer) => stdout.push(bytes));
  child.stderr.on("data", (bytes: Buffer) => stderr.push(bytes));
  child.stdin.on("error", () => {}); // it has ended without reading all of its input
  child.stdin.end(settings.input ?? "");
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? -1));
  });
  return {
    exitCode,
    stdout: Buffer.concat(stdout).toString(),
    stderr: Buffer.concat(stderr).toString(),
  };
}

/** Starts a program that serves, and waits until `readyUrl` answers 200. */
export async function startServer(
  command: string,
  options: readonly string[],
  readyUrl: string,
  settings: Settings = {},
): Promise<Server> {
  const child = start(command, options, settings);
  let output = "";
  let hasEnded = false;
  const keep = (bytes: Buffer) => (output += bytes.toString());
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const ended = new Promise<void>((resolve) => {
    child.on("error", (error) => keep(Buffer.from(error.message)));
    child.on("close", () => resolve());
  }).then(() => {
    hasEnded = true;
  });

  const server = {
    output: () => output,
    stop: async () => {
      child.kill(settings.stopSignal ?? "SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
      await ended;
      clearTimeout(timer);
    },
  };
  const deadline = Date.now() + 30_000;
  while (!(await answersOk(readyUrl))) {
    if (hasEnded || Date.now() > deadline) {
      await server.stop();
      throw new Error(`${command} ${options.join(" ")}: not ready at ${readyUrl}\n${output}`);
    }
    await sleep(50);
  }
  return server;
}

/** A loopback port that nothing listens on. */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("not a TCP server");
  return address.port;
}

/** The input stays open until this process ends: the model server ends with it. */
function start(command: string, options: readonly string[], settings: Settings) {
  const child = spawn(command, options, {
    cwd: settings.folder,
    env: settings.environment ?? plainEnvironment(),
    stdio: ["pipe", "pipe", "pipe"],
  });
  const end = () => child.kill("SIGKILL");
  running.add(end);
  child.on("close", () => running.delete(end));
  return child;
}

async function answersOk(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}
