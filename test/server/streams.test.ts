import { createServer, request, type IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { ConfigFile } from "../../src/config/schema.ts";
import { ndjson, serverSentEvents, type StreamFormat } from "../../src/server/stream-format.ts";
import { StreamWriter } from "../../src/server/stream-writer.ts";
import { checkStream, parseNdjson, parseSse } from "../support/ndjson.ts";
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
import { call } from "./call.ts";

let upstream: ScriptedUpstream;
let proxy: StartedProxy;

beforeAll(async () => {
  upstream = await startScriptedUpstream();
  proxy = await startProxy({ upstreamUrl: upstream.baseUrl });
});
afterAll(async () => {
  await proxy.close();
  await upstream.close();
});

const messages = [{ role: "user", content: "hi" }];
const chat = { path: "/api/chat", body: JSON.stringify({ model: "m", messages }) };
const generate = { path: "/api/generate", body: JSON.stringify({ model: "m", prompt: "hi" }) };
const openai = {
  path: "/v1/chat/completions",
  body: JSON.stringify({ model: "m", messages, stream: true }),
};
const WELL: Script = { steps: [sse(chunk({ content: "well" }), chunk({}, "stop"), "[DONE]")] };

async function started(config: ConfigFile): Promise<StartedProxy> {
  const another = await startProxy({ upstreamUrl: upstream.baseUrl, config });
  onTestFinished(() => another.close());
  return another;
}

describe("the format that Accept asks for", () => {
  test.each<[string | undefined, "lines" | "events"]>([
    [undefined, "lines"],
    ["", "lines"],
    ["*/*", "lines"],
    ["application/json", "lines"],
    ["application/x-ndjson", "lines"],
    ["text/html, */*", "lines"],
    ["text/*", "lines"],
    ["application/json, text/plain, */*", "lines"],
    ["text/event-stream;q=0", "lines"],
    ["text/event-stream;q=0.5, application/x-ndjson", "lines"],
    ["text/event-stream;q=0.5, application/json;q=0.9", "lines"],
    ["application/x-ndjson, text/event-stream", "lines"],
    ["text/event-stream; q=nonsense", "lines"],
    ["text/event-stream", "events"],
    ["TEXT/Event-Stream", "events"],
    ["text/event-stream, */*;q=0.1", "events"],
    ["text/event-stream;q=0.9, application/json;q=0.8", "events"],
    ["application/json, text/event-stream", "events"],
    ["text/event-stream;charset=utf-8", "events"],
  ])("%j: %s", async (accept, format) => {
    upstream.play(WELL);
    const headers: Record<string, string> = accept === undefined ? {} : { accept };
    for (const [kind, route] of [
      ["chat", chat],
      ["generate", generate],
    ] as const) {
      const answer = await call({ port: proxy.port, ...route, headers });
      if (format === "events") {
        expect(answer.headers["content-type"]).toBe("text/event-stream");
        checkStream(parseSse(answer.body).events, kind);
      } else {
        expect(answer.headers["content-type"]).toBe("application/x-ndjson");
        checkStream(parseNdjson(answer.body), kind);
      }
    }
  });

  test.each<["ndjson" | "sse", string]>([
    ["ndjson", "application/x-ndjson"],
    ["sse", "text/event-stream"],
  ])("stream_format %s has the last word", async (stream_format, type) => {
    const forced = await started({ stream_format });
    upstream.play(WELL);
    for (const accept of ["text/event-stream", "application/x-ndjson", "*/*"]) {
      const answer = await call({ port: forced.port, ...chat, headers: { accept } });
      expect(answer.headers["content-type"]).toBe(type);
    }
  });

  test("an answer in one piece is JSON whatever is accepted", async () => {
    upstream.play(WELL);
    const body = JSON.stringify({ model: "m", messages, stream: false });
    const headers = { accept: "text/event-stream" };
    const answer = await call({ port: proxy.port, path: "/api/chat", headers, body });
    expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(JSON.parse(answer.body)).toMatchObject({ message: { content: "well" }, done: true });
  });

  test("an error before the stream is JSON with its status", async () => {
    upstream.play(json(429, { error: { message: "slow down" } }));
    const answer = await call({
      port: proxy.port,
      ...chat,
      headers: { accept: "text/event-stream" },
    });
    expect(answer).toMatchObject({ status: 429, body: '{"error":"slow down"}' });
  });

  test("an error in a stream of events is one more event, and no [DONE] follows", async () => {
    upstream.play({ steps: [sse(chunk({ content: "well" }), { error: { message: "no" } })] });
    const headers = { accept: "text/event-stream" };
    const { body } = await call({ port: proxy.port, ...chat, headers });
    const { events } = parseSse(body);
    checkStream(events, "chat");
    expect(events.at(-1)).toMatchObject({ done: true, done_reason: "error" });
  });
});

describe("headers", () => {
  test.each([
    ["lines", chat, "*/*"],
    ["events", chat, "text/event-stream"],
    ["/v1", openai, "text/event-stream"],
  ])("%s: nothing in front may hold or change the stream", async (_, route, accept) => {
    upstream.play(WELL);
    const headers = { accept, "accept-encoding": "gzip, br, zstd" };
    const answer = await call({ port: proxy.port, ...route, headers });
    expect(answer.headers).toMatchObject({
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
      "transfer-encoding": "chunked",
    });
    expect(answer.headers["content-length"]).toBe(undefined);
    expect(answer.headers["content-encoding"]).toBe(undefined);
  });

  test("the backend is asked for a stream without compression", async () => {
    upstream.play(WELL);
    await call({ port: proxy.port, ...chat, headers: { "accept-encoding": "gzip" } });
    expect(upstream.requests.at(-1)?.headers).toMatchObject({
      accept: "text/event-stream, application/json",
      "accept-encoding": "identity",
      authorization: "Bearer sk-CANARY-upstream",
      "content-type": "application/json",
    });
  });
});

/** Steps that a test hands out one by one. */
function byHand() {
  const waiting: Step[] = [];
  const steps: Iterable<Step> = {
    *[Symbol.iterator](): Generator<Step> {
      for (;;) yield waiting.shift() ?? { wait: 1 };
    },
  };
  return { steps, send: (step: Step) => waiting.push(step) };
}

/** A streamed answer whose headers may not be there yet. */
function begin(port: number, route: { path: string; body: string }, accept = "*/*") {
  const received = { headersAt: -1, text: "", ended: false };
  const headers = { accept };
  const options = { host: "127.0.0.1", port, path: route.path, method: "POST", headers };
  const outgoing = request({ ...options, agent: false }, (answer: IncomingMessage) => {
    received.headersAt = performance.now();
    answer.on("data", (bytes: Buffer) => (received.text += bytes.toString()));
    answer.on("end", () => (received.ended = true));
    answer.on("error", () => {});
  });
  outgoing.on("error", () => {});
  outgoing.end(route.body);
  onTestFinished(() => {
    outgoing.destroy();
  });
  return received;
}

/** Waits for what must come at once; the limit is far beyond what it should take. */
async function soon(what: string, isSo: () => boolean): Promise<void> {
  const start = performance.now();
  while (!isSo()) {
    if (performance.now() - start > 2_000) throw new Error(`${what} does not come`);
    await sleep(1);
  }
}

describe("when the headers leave", () => {
  test.each([
    ["chat", chat],
    ["/v1", openai],
  ])("%s: with the first text, not before", async (_, route) => {
    const hand = byHand();
    upstream.play({ steps: hand.steps });
    const received = begin(proxy.port, route);
    hand.send(": ping\n\n");
    hand.send(sse(chunk({ role: "assistant", content: "" }), chunk({}), { choices: [] }));
    await sleep(150);
    expect(received.headersAt).toBe(-1);
    hand.send(sse(chunk({ content: "word" })));
    await soon("the first text", () => received.text.includes("word"));
    hand.send(sse(chunk({}, "stop"), "[DONE]"));
    hand.send({ end: true });
    await soon("the end", () => received.ended);
  });

  test("with commit_after: no later than that", async () => {
    const early = await started({ commit_after: 0.1 });
    const hand = byHand();
    upstream.play({ steps: hand.steps });
    const received = begin(early.port, chat);
    await soon("the headers", () => received.headersAt > 0);
    expect(received.text).toBe("");
    hand.send(sse({ error: { message: "no luck", code: 503 } }));
    await soon("the end", () => received.ended);
    const lines = parseNdjson(received.text);
    checkStream(lines, "chat");
    expect(lines).toHaveLength(1);
    expect(lines[0]?.["error"]).toContain("no luck");
  });

  test("with commit_after: an error that comes before keeps its status", async () => {
    const early = await started({ commit_after: 5 });
    upstream.play(json(503, { error: { message: "busy" } }));
    expect(await call({ port: early.port, ...chat })).toMatchObject({ status: 503 });
  });
});

test.each([
  ["lines", chat, "*/*"],
  ["lines of generate", generate, "*/*"],
  ["events", chat, "text/event-stream"],
  ["/v1", openai, "*/*"],
])("%s: each event reaches the client alone and at once", async (_, route, accept) => {
  const hand = byHand();
  upstream.play({ steps: hand.steps });
  const received = begin(proxy.port, route, accept);
  for (let index = 0; index < 50; index += 1) {
    const word = `word${index}.`;
    hand.send(sse(chunk({ content: word })));
    await soon(word, () => received.text.includes(word));
    expect(received.text).not.toContain(`word${index + 1}.`);
  }
  hand.send(sse(chunk({}, "stop"), "[DONE]"));
  hand.send({ end: true });
  await soon("the end", () => received.ended);
});

describe("heartbeat", () => {
  /** What a writer of this format sends to a client while it has nothing to say. */
  async function sentInSilence(format: StreamFormat): Promise<string> {
    const server = createServer((_, response) => {
      const writer = new StreamWriter(response, {
        format,
        headers: () => ({}),
        writeStall: 1_000,
        onDrain: () => {},
        onStall: () => {},
      });
      writer.write('{"first":true}');
      setTimeout(() => {
        writer.write('{"last":true}');
        writer.end();
      }, 200);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const { body } = await call({ port, path: "/" });
    server.close();
    return body;
  }

  test("events: a comment after each silence, from the first event to the last", async () => {
    const text = ": keep-alive\n\n";
    expect(serverSentEvents.heartbeat).toEqual({ text, after: 15_000 });
    const body = await sentInSilence({ ...serverSentEvents, heartbeat: { text, after: 30 } });
    const { events, comments } = parseSse(body);
    expect(events).toEqual([{ first: true }, { last: true }]);
    expect(comments).toBeGreaterThan(1);
    expect(body).toMatch(/^data: .*\n\n(: keep-alive\n\n)+data: .*\n\n$/);
  });

  test("lines: none, ever", async () => {
    expect(ndjson.heartbeat).toBe(undefined);
    expect(await sentInSilence(ndjson)).toBe('{"first":true}\n{"last":true}\n');
  });
});
