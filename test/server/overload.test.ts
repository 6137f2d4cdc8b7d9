import { getHeapStatistics } from "node:v8";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { ConfigFile } from "../../src/config/schema.ts";
import { until } from "../faults/waiting.ts";
import { checkStream, parseNdjson } from "../support/ndjson.ts";
import {
  chunk,
  sse,
  startScriptedUpstream,
  type ScriptedUpstream,
} from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";

const MEBIBYTE = 1024 * 1024;
const BUSY = "server busy, please try again.  maximum pending requests exceeded";
const chat = JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }] });

let upstream: ScriptedUpstream;

beforeEach(async () => {
  upstream = await startScriptedUpstream();
  upstream.play({ steps: [sse(chunk({ content: "hi" }), chunk({}, "stop"), "[DONE]")] });
  onTestFinished(() => upstream.close());
});

async function start(overload: ConfigFile["overload"]) {
  const config: ConfigFile = { overload, admin: { listen: "127.0.0.1:0" } };
  const proxy = await startProxy({ upstreamUrl: upstream.baseUrl, config });
  onTestFinished(() => proxy.close());
  const { port } = proxy.logs.find(({ msg }) => msg === "serving metrics and state") ?? {};
  return { ...proxy, admin: `http://127.0.0.1:${String(port)}` };
}

/** As a program does that never comes to its next event. */
function block(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

async function statusOf(url: string): Promise<number> {
  return (await fetch(url)).status;
}

function ask(url: string, path: string): Promise<Response> {
  return fetch(`${url}${path}`, { method: "POST", body: chat });
}

function refusals({ logs }: StartedProxy): unknown[] {
  return logs.filter(({ pressure }) => pressure !== undefined).map(({ pressure }) => pressure);
}

describe("F-117: an event loop that is blocked for longer than event_loop_delay", () => {
  test("new requests are refused, what runs goes on, and that is over a second later", async () => {
    const proxy = await start({ event_loop_delay: "300ms" });
    const { url, admin } = proxy;
    upstream.play({
      steps: [
        sse(chunk({ content: "a" })),
        { wait: 1_500 },
        sse(chunk({ content: "b" }), chunk({}, "stop"), "[DONE]"),
      ],
    });
    const running = await ask(url, "/api/chat");
    expect(await statusOf(`${url}/readyz`)).toBe(200);

    block(600);
    const [refused, openai, anthropic, ready, ...light] = await Promise.all([
      ask(url, "/api/chat"),
      ask(url, "/v1/chat/completions"),
      ask(url, "/v1/messages"),
      fetch(`${url}/readyz`),
      ...["/healthz", "/", "/api/version"].map((path) => statusOf(`${url}${path}`)),
      ...["/healthz", "/state", "/metrics"].map((path) => statusOf(`${admin}${path}`)),
    ]);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await refused.json()).toEqual({ error: BUSY });
    expect(openai.status).toBe(503);
    expect(await openai.json()).toMatchObject({ error: { message: BUSY, type: "api_error" } });
    expect(anthropic.status).toBe(503);
    expect(await anthropic.json()).toMatchObject({ type: "error", error: { message: BUSY } });
    expect([ready.status, await ready.json()]).toEqual([503, { status: "overloaded" }]);
    expect(light).toEqual([200, 200, 200, 200, 200, 200]);
    const counted = await (await fetch(`${admin}/metrics`)).text();
    expect(counted).toMatch(/shed\w*\{reason="event_loop"\} 3\n/);
    expect(upstream.requests).toHaveLength(1);

    const lines = parseNdjson(await running.text());
    checkStream(lines, "chat");
    expect(lines.at(-1)).toMatchObject({ done: true, done_reason: "stop" });

    await sleep(1_000);
    expect(await statusOf(`${url}/readyz`)).toBe(200);
    expect((await ask(url, "/api/chat")).status).toBe(200);
    expect(refusals(proxy)).toEqual(["event_loop"]);
  });

  test("one block of 300 ms is within the default", async () => {
    const proxy = await start({});
    for (let times = 0; times < 2; times += 1) {
      block(300);
      expect((await ask(proxy.url, "/api/chat")).status).toBe(200);
      await sleep(150);
      expect((await ask(proxy.url, "/api/chat")).status).toBe(200);
    }
    expect(refusals(proxy)).toEqual([]);
  });

  test("0 is no limit", async () => {
    const proxy = await start({ event_loop_delay: 0 });
    block(1_500);
    expect((await ask(proxy.url, "/api/chat")).status).toBe(200);
    expect(refusals(proxy)).toEqual([]);
  });
});

describe("F-118: a heap that is fuller than its share", () => {
  const ballast: string[] = [];

  /** A share of the heap that so much more would fill. */
  function shareWith(mebibytes: number): number {
    const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
    return (used + mebibytes * MEBIBYTE) / limit;
  }

  function load(mebibytes: number): void {
    // Node would keep a text of a whole MiB outside of the heap.
    const bytes = Buffer.alloc(MEBIBYTE / 2);
    for (let half = 0; half < 2 * mebibytes; half += 1) ballast.push(bytes.toString("latin1"));
  }

  function unload(): void {
    ballast.length = 0;
  }

  test("new requests are refused, what runs ends well, and room is seen at once", async () => {
    onTestFinished(unload);
    const proxy = await start({ heap: shareWith(100), event_loop_delay: 0 });
    const { url } = proxy;
    upstream.play({
      steps: [
        sse(chunk({ content: "a" })),
        { wait: 1_000 },
        sse(chunk({ content: "b" }), chunk({}, "stop"), "[DONE]"),
      ],
    });
    const running = await ask(url, "/api/chat");
    load(200);
    await until("the heap is seen to be full", () => refusals(proxy).length > 0, 5_000);
    const refused = await ask(url, "/api/chat");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await refused.json()).toEqual({ error: BUSY });
    expect(await statusOf(`${url}/readyz`)).toBe(503);
    expect(await statusOf(`${url}/healthz`)).toBe(200);
    expect(parseNdjson(await running.text()).at(-1)).toMatchObject({ done_reason: "stop" });

    unload();
    const isWelcome = () => proxy.logs.some(({ msg }) => String(msg).includes("welcome"));
    await until("the room is seen", isWelcome, 20_000);
    expect(await statusOf(`${url}/readyz`)).toBe(200);
    expect((await ask(url, "/api/chat")).status).toBe(200);
    expect(refusals(proxy)).toEqual(["heap"]);
  });

  test("garbage does not count", async () => {
    const proxy = await start({ heap: shareWith(100), event_loop_delay: 0 });
    for (let times = 0; times < 3; times += 1) {
      load(200);
      unload();
      await sleep(150);
      expect((await ask(proxy.url, "/api/chat")).status).toBe(200);
    }
    expect(refusals(proxy)).toEqual([]);
  });

  test("0 is no limit", async () => {
    const proxy = await start({ heap: 0 });
    load(50);
    await sleep(150);
    expect((await ask(proxy.url, "/api/chat")).status).toBe(200);
    expect(refusals(proxy)).toEqual([]);
    unload();
  });
});
