import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { until } from "../faults/waiting.ts";
import { checkStream, parseNdjson } from "../support/ndjson.ts";
import {
  chunk,
  sse,
  startScriptedUpstream,
  type ScriptedUpstream,
  type Step,
} from "../support/scripted-upstream.ts";
import { run, serve, type RunOptions, type Served } from "./process.ts";

const FILE = "ollama-openai-proxy.yaml";
const INJECTED = new URL("injected.mjs", import.meta.url).href;
const chat = JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }] });
const WORD = sse(chunk({ content: "word " }));
const END = sse(chunk({}, "stop"), "[DONE]");

let upstream: ScriptedUpstream;

beforeEach(async () => {
  upstream = await startScriptedUpstream();
  upstream.play({ steps: [WORD, END] });
  onTestFinished(() => upstream.close());
});

interface Options extends RunOptions {
  readonly config?: object;
  /** What happens at SIGUSR2. */
  readonly fault?: "block" | "fill" | "throw" | "reject";
}

/** JSON is YAML. */
function optionsOf({ config = {}, fault, environment, ...options }: Options): RunOptions {
  const all = {
    upstreams: [{ id: "a", base_url: upstream.baseUrl }],
    shutdown: { drain_delay: "200ms", drain_timeout: "30s" },
    log: { format: "json" },
    ...config,
  };
  const injected = fault === undefined ? {} : { INJECTED: fault };
  const { NODE_OPTIONS = "" } = environment ?? {};
  return {
    ...options,
    files: { [FILE]: JSON.stringify(all) },
    environment: {
      ...environment,
      ...injected,
      NODE_OPTIONS: fault === undefined ? NODE_OPTIONS : `${NODE_OPTIONS} --import=${INJECTED}`,
    },
  };
}

const start = (options: Options = {}): Promise<Served> => serve(optionsOf(options));

function ask(url: string): Promise<Response> {
  return fetch(`${url}/api/chat`, { method: "POST", body: chat });
}

async function statusOf(url: string): Promise<number> {
  return (await fetch(url)).status;
}

/** Lines of the log that have these words. */
function logged(served: Served, words: string): Record<string, unknown>[] {
  const lines = served.stderr().split("\n").slice(0, -1);
  return lines
    .filter((line) => line.includes(words))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

function* talk(count: number, pause: number): Generator<Step> {
  for (let said = 0; said < count; said += 1) {
    yield WORD;
    yield { wait: pause };
  }
  yield END;
}

describe("F-113: SIGTERM at a bad moment", () => {
  test("while it starts: the backend has not told its models yet", async () => {
    const slow = await startScriptedUpstream({
      lookups: { "/v1/models": { raw: true, steps: [{ hang: true }] } },
    });
    onTestFinished(() => slow.close());
    const started = run({
      args: ["serve"],
      ...optionsOf({ config: { upstreams: [{ id: "slow", base_url: slow.baseUrl }] } }),
    });
    await until("it looks at its backend", () => slow.lookups.length > 0, 15_000);
    started.signal("SIGTERM");
    expect(await started.exit).toBe(0);
  });

  test("while it reads another configuration", async () => {
    const slow = await startScriptedUpstream({
      lookups: { "/v1/models": { raw: true, steps: [{ hang: true }] } },
    });
    onTestFinished(() => slow.close());
    const served = await start();
    upstream.play({ steps: talk(20, 50) });
    const stream = await ask(served.url);
    const config = { upstreams: [{ id: "slow", base_url: slow.baseUrl }], shutdown: {} };
    writeFileSync(`${served.folder}/${FILE}`, JSON.stringify(config));
    served.signal("SIGHUP");
    await until("it looks at the other backend", () => slow.lookups.length > 0, 15_000);
    const since = performance.now();
    served.signal("SIGTERM");
    expect(parseNdjson(await stream.text()).at(-1)).toMatchObject({ done_reason: "stop" });
    expect(await served.exit).toBe(0);
    expect(performance.now() - since).toBeLessThan(5_000);
  });
});

describe("F-116: a fault of this program that no request had a part in", () => {
  test.each(["throw", "reject"] as const)(
    "%s: told, what runs ends well, exit code 1",
    async (fault) => {
      const served = await start({ fault });
      upstream.play({ steps: talk(20, 50) });
      const stream = await ask(served.url);
      served.child.kill("SIGUSR2");
      await until("it is told", () => logged(served, "fault of this program").length > 0, 10_000);
      expect(await statusOf(`${served.url}/readyz`)).toBe(503);
      const lines = parseNdjson(await stream.text());
      checkStream(lines, "chat");
      expect(lines).toHaveLength(21);
      expect(await served.exit).toBe(1);
      const [line] = logged(served, "fault of this program");
      expect(line).toMatchObject({ level: "error", thrown: "TypeError", message: "injected" });
      expect(line?.["at"]).toContainEqual(expect.stringContaining("injected.mjs"));
    },
  );
});

test("F-117: a process whose event loop was blocked for 2 s is not ready, and recovers", async () => {
  const served = await start({ fault: "block" });
  expect(await statusOf(`${served.url}/readyz`)).toBe(200);
  served.child.kill("SIGUSR2");
  await sleep(200);
  // Both wait in the sockets until the loop goes on.
  const [ready, refused] = await Promise.all([statusOf(`${served.url}/readyz`), ask(served.url)]);
  expect(ready).toBe(503);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
  expect(upstream.requests).toEqual([]);
  await sleep(1_200);
  expect(await statusOf(`${served.url}/readyz`)).toBe(200);
  expect((await ask(served.url)).status).toBe(200);
});

test("F-118: a small heap that is full refuses new requests before it is too late", async () => {
  const served = await start({
    fault: "fill",
    environment: { NODE_OPTIONS: "--max-old-space-size=256", OLD_SPACE_MIB: "256" },
    config: { overload: { event_loop_delay: 0 } },
  });
  upstream.play({ steps: talk(20, 100) });
  const stream = await ask(served.url);
  served.child.kill("SIGUSR2");
  await until("it is told", () => logged(served, "too much to do").length > 0, 10_000);
  const refused = await ask(served.url);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
  expect(await statusOf(`${served.url}/readyz`)).toBe(503);
  expect(await statusOf(`${served.url}/healthz`)).toBe(200);
  expect(parseNdjson(await stream.text()).at(-1)).toMatchObject({ done_reason: "stop" });
  await until("there is room", () => logged(served, "welcome again").length > 0, 15_000);
  expect(await statusOf(`${served.url}/readyz`)).toBe(200);
});

describe("F-119: without file descriptors", () => {
  /** Clients that connect and say nothing, until no more are taken. */
  async function starve(served: Served): Promise<Socket[]> {
    limitDescriptors(served);
    const port = Number(new URL(served.url).port);
    const sockets: Socket[] = [];
    onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
    for (let refused = 0; refused < 10;) {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      sockets.push(socket);
      await sleep(20);
      refused = socket.readyState === "open" ? 0 : refused + 1;
    }
    return sockets;
  }

  async function recovers(served: Served, sockets: readonly Socket[]): Promise<void> {
    for (const socket of sockets) socket.destroy();
    await until("they are back", () => descriptorsOf(served) < 40, 10_000);
    upstream.play({ steps: [WORD, END] });
    expect((await ask(served.url)).status).toBe(200);
    expect(served.child.exitCode).toBe(null);
  }

  test("it waits until there are some, and does not flood the log", async () => {
    const served = await start();
    const sockets = await starve(served);
    const since = performance.now();
    await sleep(2_000);
    const lines = served.stderr().split("\n").length;
    expect(lines).toBeLessThan(5 + (2 * (performance.now() - since)) / 1_000);
    await recovers(served, sockets);
  });

  test("a backend that can't be connected to is no broken backend: 503", async () => {
    const served = await start();
    const sockets = await starve(served);
    let answer = "";
    const head = ["POST /api/chat HTTP/1.1", "host: localhost", `content-length: ${chat.length}`];
    upstream.play({ raw: true, steps: [{ hang: true }] });
    // The first get the connections on which the backend told its models.
    for (const socket of sockets.filter(({ readyState }) => readyState === "open")) {
      const asked = upstream.requests.length;
      socket.on("data", (bytes) => (answer += bytes.toString()));
      socket.write(`${head.join("\r\n")}\r\n\r\n${chat}`);
      const isDone = () => upstream.requests.length > asked || answer.includes("}");
      await until("it is asked or refused", isDone, 10_000);
      if (answer !== "") break;
    }
    expect(answer).toMatch(/^HTTP\/1\.1 503 /);
    expect(answer).toMatch(/\r\nretry-after: 1\r\n/i);
    expect(answer).toContain("server busy, please try again.  maximum pending requests exceeded");
    await recovers(served, sockets);
  });
});

/** Once it runs: Node needs more than these to load a program. */
function limitDescriptors({ child }: Served): void {
  execFileSync("prlimit", ["--pid", String(child.pid), "--nofile=64:64"]);
}

function descriptorsOf({ child }: Served): number {
  const folder = `/proc/${child.pid}/fd`;
  return existsSync(folder) ? readdirSync(folder).length : 0;
}

describe("F-120: a log that nobody takes", () => {
  const noise = { log: { format: "json", level: "debug" } };

  async function askMany(url: string, count: number): Promise<void> {
    for (let asked = 0; asked < count; asked += 20) {
      const statuses = Array.from({ length: 20 }, () => statusOf(`${url}/api/nothing`));
      expect(new Set(await Promise.all(statuses))).toEqual(new Set([404]));
      expect((await ask(url)).status).toBe(200);
    }
  }

  test("a pipe that is not read", async () => {
    const served = await start({ config: noise });
    served.child.stderr?.pause();
    await askMany(served.url, 2_000);
    expect(residentMebibytes(served)).toBeLessThan(300);
    expect(await statusOf(`${served.url}/readyz`)).toBe(200);
    served.child.stderr?.resume();
  });

  test("a pipe that is closed", async () => {
    const served = await start({ config: noise });
    served.child.stderr?.destroy();
    served.child.stdout?.destroy();
    await askMany(served.url, 200);
    served.signal("SIGTERM");
    expect(await exitOf(served)).toBe(0);
  });

  test("a disk that is full", async ({ skip }) => {
    if (!existsSync("/dev/full")) skip("no /dev/full here");
    const served = await start({ config: noise, before: "exec 2>/dev/full" });
    await askMany(served.url, 200);
    served.signal("SIGTERM");
    expect(await served.exit).toBe(0);
  });

  function exitOf({ child }: Served): Promise<number | null> {
    return new Promise((resolve) => child.once("exit", resolve));
  }

  function residentMebibytes({ child }: Served): number {
    const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
  }
});
