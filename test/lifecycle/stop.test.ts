import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { until } from "../faults/waiting.ts";
import { checkStream, parseNdjson, type JsonObject } from "../support/ndjson.ts";
import {
  chunk,
  sse,
  startScriptedUpstream,
  type ScriptedUpstream,
  type Step,
} from "../support/scripted-upstream.ts";
import { serve, type Served } from "./process.ts";

let upstream: ScriptedUpstream;

beforeEach(async () => {
  upstream = await startScriptedUpstream();
});
afterEach(() => upstream.close());

const body = JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }] });
const WORD = sse(chunk({ content: "word " }));

function* words(count: number): Generator<Step> {
  for (let index = 0; index < count; index += 1) {
    yield WORD;
    yield { wait: 50 };
  }
  yield sse(chunk({}, "stop"), "[DONE]");
}

function serveWith(
  shutdown: { drain_delay: string; drain_timeout: string },
  more: object = {},
): Promise<Served> {
  const config = {
    ...more,
    upstreams: [{ id: "a", base_url: upstream.baseUrl }],
    shutdown,
    log: { format: "json" },
  };
  // JSON is YAML.
  return serve({ files: { "ollama-openai-proxy.yaml": JSON.stringify(config) } });
}

/** One connection, with what comes on it. */
function connected(url: string) {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  let received = "";
  let closed = false;
  socket.on("data", (bytes) => (received += bytes.toString()));
  socket.on("error", () => {});
  socket.on("close", () => (closed = true));
  return { socket, received: () => received, closed: () => closed };
}

function requestOf(method: string, path: string, text = ""): string {
  const head = [`${method} ${path} HTTP/1.1`, "host: localhost", `content-length: ${text.length}`];
  return `${head.join("\r\n")}\r\n\r\n${text}`;
}

/** A stream that has begun. */
async function begin(url: string): Promise<{ rest: Promise<JsonObject[]> }> {
  const answer = await fetch(`${url}/api/chat`, { method: "POST", body });
  expect(answer.status).toBe(200);
  return { rest: answer.text().then(parseNdjson) };
}

async function statusOf(url: string): Promise<number | "refused"> {
  try {
    return (await fetch(url, { headers: { connection: "close" } })).status;
  } catch {
    return "refused";
  }
}

describe("SIGTERM", () => {
  test("F-110: says so at /readyz, serves on, lets streams end, and exits 0", async () => {
    const served = await serveWith({ drain_delay: "700ms", drain_timeout: "60s" });
    expect(await statusOf(`${served.url}/readyz`)).toBe(200);
    upstream.play({ steps: words(30) });
    const stream = await begin(served.url);

    served.signal("SIGTERM");
    await sleep(150);
    expect(await statusOf(`${served.url}/readyz`)).toBe(503);
    expect(await statusOf(`${served.url}/healthz`)).toBe(200);
    const late = await fetch(`${served.url}/api/version`);
    expect([late.status, late.headers.get("connection")]).toEqual([200, "close"]);

    await sleep(800);
    expect(await statusOf(`${served.url}/api/version`)).toBe("refused");
    const lines = await stream.rest;
    checkStream(lines, "chat");
    expect(lines).toHaveLength(31);
    expect(lines.at(-1)).toMatchObject({ done: true, done_reason: "stop" });
    expect(await served.exit).toBe(0);
  });

  test("F-111: ends a stream that is longer than drain_timeout with an error", async () => {
    const served = await serveWith({ drain_delay: "0s", drain_timeout: "200ms" });
    upstream.play({ steps: [WORD, { hang: true }] });
    const stream = await begin(served.url);
    served.signal("SIGTERM");
    const lines = await stream.rest;
    checkStream(lines, "chat");
    expect(lines.at(-1)).toMatchObject({
      done_reason: "error",
      error: "an error was encountered while running the model: server is shutting down",
    });
    expect(await served.exit).toBe(0);
  });

  test("answers a request that had no answer yet", async () => {
    const served = await serveWith({ drain_delay: "0s", drain_timeout: "200ms" });
    upstream.play({ raw: true, steps: [{ hang: true }] });
    const answer = fetch(`${served.url}/api/chat`, { method: "POST", body });
    while (upstream.requests.length === 0) await sleep(5);
    served.signal("SIGTERM");
    expect((await answer).status).toBe(503);
    expect(await (await answer).json()).toEqual({ error: "server is shutting down" });
    expect(await served.exit).toBe(0);
  });

  test("leaves idle connections alone until drain_delay is over", async () => {
    const served = await serveWith({ drain_delay: "1s", drain_timeout: "60s" });
    const used = connected(served.url);
    const idle = connected(served.url);
    for (const { socket, received } of [used, idle]) {
      socket.write(requestOf("GET", "/api/version"));
      await until("it answers", () => received().endsWith("}"), 5_000);
      expect(received()).toMatch(/\r\nconnection: keep-alive\r\n/i);
    }
    served.signal("SIGTERM");
    await sleep(300);
    expect([used.closed(), idle.closed()]).toEqual([false, false]);
    const answered = used.received().length;
    used.socket.write(requestOf("GET", "/api/version"));
    await until("the used one is closed after its answer", used.closed, 5_000);
    expect(used.received().slice(answered)).toMatch(
      /^HTTP\/1\.1 200 .+\r\nconnection: close\r\n/is,
    );
    expect(idle.closed()).toBe(false);
    expect(await served.exit).toBe(0);
    expect(idle.closed()).toBe(true);
  });

  test("serves the request of a connection that was taken just before the end", async () => {
    const served = await serveWith({ drain_delay: "0s", drain_timeout: "60s" });
    upstream.play({ steps: words(3) });
    const { socket, received, closed } = connected(served.url);
    await sleep(100);
    served.signal("SIGTERM");
    await sleep(100);
    socket.write(requestOf("POST", "/api/chat", body));
    await until("it is answered", closed, 5_000);
    expect(received()).toMatch(/^HTTP\/1\.1 200 .+\r\nconnection: close\r\n/is);
    expect(received()).toContain('"done_reason":"stop"');
    expect(await served.exit).toBe(0);
  });

  test("refuses in words what still comes after drain_delay on a connection in use", async () => {
    const served = await serveWith({ drain_delay: "0s", drain_timeout: "60s" });
    upstream.play({ steps: words(30) });
    const { socket, received, closed } = connected(served.url);
    socket.write(requestOf("POST", "/api/chat", body));
    await until("the stream begins", () => received().includes("word"), 5_000);
    served.signal("SIGTERM");
    await sleep(800);
    socket.write(requestOf("POST", "/api/chat", body));
    await until("both are answered", closed, 10_000);
    const [, stream = "", refused = ""] = received().split("HTTP/1.1 ");
    expect(stream).toMatch(/^200 /);
    expect(stream).toContain('"done_reason":"stop"');
    expect(refused).toMatch(/^503 /);
    expect(refused).toMatch(/\r\nconnection: close\r\n/i);
    expect(refused).toContain('{"error":"server is shutting down"}');
    expect(upstream.requests).toHaveLength(1);
    expect(await served.exit).toBe(0);
  });

  describe("with requests that wait for a backend", () => {
    const limits = { concurrent: 1, queue: 10 };

    test("serves them", async () => {
      const served = await serveWith({ drain_delay: "0s", drain_timeout: "60s" }, { limits });
      upstream.play(() => ({ steps: words(5) }));
      const asked = Array.from({ length: 4 }, () => begin(served.url));
      while (upstream.requests.length === 0) await sleep(5);
      await sleep(100);
      served.signal("SIGTERM");
      for (const { rest } of await Promise.all(asked)) {
        expect((await rest).at(-1)).toMatchObject({ done: true, done_reason: "stop" });
      }
      expect(upstream.requests).toHaveLength(4);
      expect(await served.exit).toBe(0);
    });

    test.each([
      ["/api/chat", body],
      ["/v1/chat/completions", body],
      ["/api/embed", JSON.stringify({ model: "m", input: "hi" })],
    ])("refuses them in words when drain_timeout is over: %s", async (path, text) => {
      const served = await serveWith({ drain_delay: "0s", drain_timeout: "300ms" }, { limits });
      upstream.play({ steps: [WORD, { hang: true }] });
      const stream = await begin(served.url);
      const waiting = Array.from({ length: 3 }, () =>
        fetch(`${served.url}${path}`, { method: "POST", body: text }),
      );
      await sleep(100);
      served.signal("SIGTERM");
      for (const answer of await Promise.all(waiting)) {
        expect(answer.status).toBe(503);
        expect(await answer.text()).toContain("server is shutting down");
      }
      expect((await stream.rest).at(-1)).toMatchObject({ done: true, done_reason: "error" });
      expect(upstream.requests).toHaveLength(1);
      expect(await served.exit).toBe(0);
    });
  });

  test.each<[string, string]>([
    ["that sends half a request", "POST /api/chat HTTP/1.1\r\nhost: localhost\r\n"],
    [
      "that sends half a body",
      `POST /api/chat HTTP/1.1\r\nhost: localhost\r\ncontent-length: 999\r\n\r\n{`,
    ],
    ["that asks nothing", ""],
    ["that keeps its connection", "GET /api/version HTTP/1.1\r\nhost: localhost\r\n\r\n"],
  ])("is not held up by a client %s", async (_, request) => {
    const served = await serveWith({ drain_delay: "0s", drain_timeout: "200ms" });
    const socket = connect(Number(new URL(served.url).port), "127.0.0.1");
    socket.on("error", () => {});
    socket.write(request);
    await sleep(100);
    served.signal("SIGTERM");
    expect(await served.exit).toBe(0);
    socket.destroy();
  });

  test("is not held up by a client that does not read", async () => {
    const served = await serveWith({ drain_delay: "0s", drain_timeout: "200ms" });
    const steps = Array<Step>(1_000).fill(sse(chunk({ content: "x".repeat(65_536) })));
    upstream.play({ steps });
    const socket = connect(Number(new URL(served.url).port), "127.0.0.1");
    socket.on("error", () => {});
    socket.write(
      `POST /api/chat HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${body.length}\r\n\r\n`,
    );
    socket.write(body);
    socket.pause();
    await sleep(500);
    served.signal("SIGTERM");
    expect(await served.exit).toBe(0);
    socket.destroy();
  });
});

test.each([
  ["SIGTERM", "SIGTERM"],
  ["SIGTERM", "SIGINT"],
  ["SIGINT", "SIGINT"],
] as const)("F-112: %s, then %s: what runs ends at once", async (first, second) => {
  const served = await serveWith({ drain_delay: "30s", drain_timeout: "30s" });
  upstream.play({ steps: [WORD, { hang: true }] });
  const stream = await begin(served.url);
  served.signal(first);
  await sleep(100);
  const start = performance.now();
  served.signal(second);
  const lines = await stream.rest;
  expect(lines.at(-1)).toMatchObject({ done: true, done_reason: "error" });
  expect(await served.exit).toBe(0);
  expect(performance.now() - start).toBeLessThan(5_000);
});

test("SIGINT does not wait for a balancer", async () => {
  const served = await serveWith({ drain_delay: "30s", drain_timeout: "30s" });
  upstream.play({ steps: words(5) });
  const stream = await begin(served.url);
  served.signal("SIGINT");
  expect((await stream.rest).at(-1)).toMatchObject({ done: true, done_reason: "stop" });
  expect(await served.exit).toBe(0);
});
