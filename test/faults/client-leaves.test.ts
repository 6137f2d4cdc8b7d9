import { connect, type Socket } from "node:net";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  chunk,
  json,
  sse,
  startScriptedUpstream,
  type Script,
  type ScriptedUpstream,
  type Step,
} from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";
import { sendRaw, type RawClient } from "./raw-client.ts";
import { until } from "./waiting.ts";

let upstream: ScriptedUpstream;
let proxy: StartedProxy;
const delays: number[] = [];

beforeAll(async () => {
  upstream = await startScriptedUpstream();
  proxy = await startProxy({ upstreamUrl: upstream.baseUrl });
  upstream.play({ steps: [WORD, sse("[DONE]")] });
  const client = sendRaw({ port: proxy.port, path: "/api/chat", body: chatBody() });
  await until("the answer is there", () => client.received().endsWith("0\r\n\r\n"));
  client.socket.destroy();
  await sleep(50);
  await nextTurn();
  idle = resources();
  idleConnections = upstream.openConnections();
});
afterAll(async () => {
  await proxy.close();
  await upstream.close();
  const [worst = 0] = delays.toSorted((a, b) => b - a);
  console.log(`the backend saw clients leave within ${worst.toFixed(1)} ms (target: 100 ms)`);
});

const messages = [{ role: "user", content: "hi" }];
const routes: Record<string, { path: string; body: object }> = {
  chat: { path: "/api/chat", body: { model: "m", messages } },
  generate: { path: "/api/generate", body: { model: "m", prompt: "hi" } },
  "chat in one piece": { path: "/api/chat", body: { model: "m", messages, stream: false } },
  "/v1": { path: "/v1/chat/completions", body: { model: "m", messages, stream: true } },
  "/v1 in one piece": { path: "/v1/chat/completions", body: { model: "m", messages } },
};

const WORD = sse(chunk({ content: "word " }));
const raw = (...steps: Step[]): Script => ({ raw: true, steps });

/** Where the backend stands when the client leaves. */
const stages: Record<string, Script> = {
  "before the headers": raw({ hang: true }),
  "in the middle of the headers": raw("HTTP/1.1 200 OK\r\ncontent-", { hang: true }),
  "before the first event": { steps: [{ hang: true }] },
  "after a role": { steps: [sse(chunk({ role: "assistant", content: "" })), { hang: true }] },
  "after the first text": { steps: [WORD, { hang: true }] },
  "in the stream": { steps: endless(WORD, 5) },
  "in the middle of an error": { status: 500, steps: ["no", { hang: true }] },
  "after the finish": { steps: [WORD, sse(chunk({}, "stop")), { hang: true }] },
};

function endless(text: string, pause: number): Iterable<Step> {
  return {
    *[Symbol.iterator](): Generator<Step> {
      for (;;) {
        yield text;
        if (pause > 0) yield { wait: pause };
      }
    },
  };
}

/** Handles and timers that would keep this process alive, counted by kind. */
function resources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** The resources of an idle proxy: two listeners, and kept connections between them. */
let idle: Record<string, number> = {};
let idleConnections = 0;

function nothingLeft(): boolean {
  return (
    upstream.openConnections() <= idleConnections &&
    Object.entries(resources()).every(([kind, count]) => count <= (idle[kind] ?? 0))
  );
}

/** Fails unless everything that `act` opened is closed soon after it. */
async function leavingNothing(act: () => Promise<void>): Promise<void> {
  await act();
  await until("nothing is left", nothingLeft).catch((error: unknown) => {
    throw new Error(`${JSON.stringify(resources())} is more than ${JSON.stringify(idle)}`, {
      cause: error,
    });
  });
}

/** Closes the client's socket in this way and waits until the backend sees it. */
async function leave(client: RawClient, close: (socket: Socket) => void): Promise<void> {
  const request = upstream.requests.at(-1);
  const left = performance.now();
  close(client.socket);
  await until("the backend sees the client leave", () => request?.closedAt !== undefined);
  delays.push((request?.closedAt ?? Infinity) - left);
}

async function begin(script: Script, route: { path: string; body: object }): Promise<RawClient> {
  const asked = upstream.requests.length;
  upstream.play(script);
  const client = sendRaw({ port: proxy.port, ...route });
  await until("the backend is asked", () => upstream.requests.length > asked);
  await sleep(30);
  return client;
}

const destroy = (socket: Socket) => socket.destroy();

describe.each(Object.entries(routes))("%s: a client that leaves", (_, route) => {
  test.each(Object.entries(stages))("%s", async (__, script) => {
    await leavingNothing(async () => {
      await leave(await begin(script, route), destroy);
    });
    expect(proxy.logs.at(-1)).toMatchObject({ outcome: "client_closed" });
  });
});

test.each<[string, (socket: Socket) => void]>([
  ["by a reset", (socket) => socket.resetAndDestroy()],
  ["by closing its half, still reading", (socket) => socket.end()],
])("a client that leaves %s", async (_, close) => {
  const client = await begin({ steps: endless(WORD, 5) }, { path: "/api/chat", body: chatBody() });
  await leave(client, close);
  client.socket.destroy();
});

function chatBody(): object {
  return { model: "m", messages };
}

/** Begins a stream that nobody reads, and waits until the proxy takes no more of it. */
async function beginUnread(route: { path: string; body: object }): Promise<RawClient> {
  const client = await begin(
    { steps: endless(sse(chunk({ content: "x".repeat(16_384) })), 0) },
    route,
  );
  client.socket.pause();
  for (let sent = -1; sent < upstream.bytesSent();) {
    sent = upstream.bytesSent();
    await sleep(100);
  }
  return client;
}

test.each(["chat", "/v1"])("%s: a client that leaves in a paused write", async (name) => {
  const route = routes[name] ?? { path: "", body: {} };
  await leavingNothing(async () => {
    await leave(await beginUnread(route), destroy);
  });
});

test("a client that leaves while it sends its request: nothing reaches the backend", async () => {
  const asked = upstream.requests.length;
  await leavingNothing(async () => {
    const client = sendRaw({ port: proxy.port, path: "/api/chat", body: chatBody(), upTo: 20 });
    await sleep(50);
    client.socket.destroy();
    await sleep(50);
  });
  expect(upstream.requests).toHaveLength(asked);
});

test("a client that leaves while models are looked up: nothing is generated", async () => {
  const list = json(200, { data: [{ id: "m" }] });
  const slow = await startScriptedUpstream({
    lookups: { "/v1/models": { ...list, steps: [{ wait: 200 }, ...list.steps] } },
  });
  const waiting = await startProxy({ upstreamUrl: slow.baseUrl });
  onTestFinished(async () => {
    await waiting.close();
    await slow.close();
  });
  slow.play({ steps: [WORD, { hang: true }] });
  const client = sendRaw({ port: waiting.port, path: "/api/chat", body: chatBody() });
  await until("models are looked up", () => slow.lookups.length > 0);
  client.socket.destroy();
  await sleep(400);
  expect(slow.requests).toEqual([]);
});

/**
 * A backend that does not accept: a thread that listens and then sleeps. The kernel completes two
 * connections for it; any other keeps connecting until it wakes. It tells what it was sent.
 */
const sleeper = `
  const { workerData, parentPort } = require("node:worker_threads");
  const server = require("node:net").createServer((socket) => {
    socket.on("data", (bytes) => parentPort.postMessage(bytes.toString()));
    socket.on("error", () => {});
  });
  server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    Atomics.wait(workerData, 0, 0);
  });`;

test("a client that leaves while we connect: nothing is sent later", async () => {
  const awake = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(sleeper, { eval: true, workerData: awake });
  const said: unknown[] = [];
  worker.on("message", (message) => said.push(message));
  await until("it listens", () => said.length > 0, 5_000);
  const port = Number(said.shift());
  const fillers = Array.from({ length: 4 }, () => connect(port, "127.0.0.1").on("error", () => {}));
  await sleep(50);
  const waiting = await startProxy({
    config: {
      upstreams: [
        { id: "a", base_url: `http://127.0.0.1:${port}/v1`, models: ["m"], dialect: "vllm" },
      ],
    },
  });
  onTestFinished(async () => {
    await waiting.close();
    await worker.terminate();
  });
  const client = sendRaw({ port: waiting.port, path: "/api/chat", body: chatBody() });
  await sleep(100);
  expect(waiting.logs.filter(({ msg }) => msg === "answered")).toEqual([]);
  client.socket.destroy();
  await until("the proxy knows", () =>
    waiting.logs.some(({ outcome }) => outcome === "client_closed"),
  );
  for (const filler of fillers) filler.destroy();
  Atomics.store(awake, 0, 1);
  Atomics.notify(awake, 0);
  await sleep(1_500);
  expect(said).toEqual([]);
});

describe("a client that keeps its socket and never reads", () => {
  test.each(["chat", "generate", "/v1"])("%s: stream and upstream request end", async (name) => {
    const impatient = await startProxy({
      upstreamUrl: upstream.baseUrl,
      config: { timeouts: { write_stall: 0.3 } },
    });
    onTestFinished(() => impatient.close());
    const asked = upstream.requests.length;
    upstream.play({ steps: endless(sse(chunk({ content: "x".repeat(16_384) })), 0) });
    const client = sendRaw({
      port: impatient.port,
      ...(routes[name] ?? { path: "", body: {} }),
    });
    client.socket.pause();
    await until(
      "the backend's request ends",
      () => upstream.requests[asked]?.closedAt !== undefined,
      5_000,
    );
    client.socket.resume();
    await until("the client's connection ends", () => client.socket.closed);
    expect(client.received().endsWith("0\r\n\r\n")).toBe(false);
    expect(impatient.logs.at(-1)).toMatchObject({ outcome: "client_closed" });
  });

  test("a whole answer that it does not take is dropped", async () => {
    const impatient = await startProxy({
      upstreamUrl: upstream.baseUrl,
      config: { timeouts: { write_stall: 0.3 } },
    });
    onTestFinished(() => impatient.close());
    // Escaped, this is three times as long, and more than the kernel holds.
    const content = "\u0085".repeat(3_900_000);
    upstream.play({ steps: [sse(chunk({ content }), chunk({}, "stop"), "[DONE]")] });
    const client = sendRaw({ port: impatient.port, path: "/api/chat", body: chatBody() });
    client.socket.pause();
    await until("the answer is over", () => impatient.logs.at(-1)?.["outcome"] === "ok", 5_000);
    await sleep(1_000);
    client.socket.resume();
    await until("the client's connection ends", () => client.socket.closed);
    expect(client.received().endsWith("0\r\n\r\n")).toBe(false);
  });
});
