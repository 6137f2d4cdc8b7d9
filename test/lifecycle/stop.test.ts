import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
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

function serveWith(shutdown: { drain_delay: string; drain_timeout: string }): Promise<Served> {
  const config = {
    upstreams: [{ id: "a", base_url: upstream.baseUrl }],
    shutdown,
    log: { format: "json" },
  };
  // JSON is YAML.
  return serve({ files: { "ollama-openai-proxy.yaml": JSON.stringify(config) } });
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
  test("says so at /readyz, serves on, lets streams end, and exits 0", async () => {
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

  test("ends a stream that is longer than drain_timeout with an error", async () => {
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
] as const)("%s, then %s: what runs ends at once", async (first, second) => {
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
