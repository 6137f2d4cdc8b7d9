import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  checkStream,
  isObject,
  parseNdjson,
  parseSse,
  type Json,
  type JsonObject,
} from "../support/ndjson.ts";
import { startScriptedUpstream, type ScriptedUpstream } from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";
import { fixtures, type Fixture } from "./fixtures.ts";
import { piecesOf } from "./pieces.ts";
import { marks, promptEstimate, translate } from "./translate.ts";

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

function play({ bytes }: Fixture, pieceSize = bytes.length): void {
  const isJson = /^\s*[[{]/u.test(bytes.toString());
  const type = isJson ? "application/json" : "text/event-stream";
  upstream.play({
    headers: { "content-type": type },
    steps: piecesOf(bytes, Math.max(1, pieceSize)),
  });
}

async function ask(
  path: "/api/chat" | "/api/generate",
  more: object = {},
  headers: Record<string, string> = {},
): Promise<Response> {
  const text = "x".repeat(promptEstimate * 4);
  const prompt =
    path === "/api/chat" ? { messages: [{ role: "user", content: text }] } : { prompt: text };
  return fetch(proxy.url + path, {
    method: "POST",
    headers,
    body: JSON.stringify({ model: "m", ...prompt, logprobs: true, top_logprobs: 2, ...more }),
  });
}

const measured: ReadonlySet<unknown> = new Set([
  (marks.end - marks.start) * 1e6,
  ((marks.responseHeaders ?? 0) - marks.start) * 1e6,
  ((marks.firstToken ?? 0) - (marks.responseHeaders ?? 0)) * 1e6,
  (marks.end - (marks.firstToken ?? 0)) * 1e6,
]);

/** Lines of the proxy against those of the fold. Its clock, date and ids are its own. */
function expectSame(actual: readonly JsonObject[], expected: readonly JsonObject[]): void {
  const comparable = (lines: readonly JsonObject[]) =>
    lines.map((line, index) => {
      const told = Object.entries(line).filter(
        ([key]) => key !== "created_at" && !measured.has(expected[index]?.[key]),
      );
      return JSON.stringify(told).replaceAll(/"call_(?:[a-z0-9]{8}|new\d)"/gu, '"call_"');
    });
  expect(comparable(actual)).toEqual(comparable(expected));
}

/** What an answer says, whether in one object or in many. */
function said(objects: readonly JsonObject[]): object {
  const parts = objects.map((object) => (isObject(object["message"]) ? object["message"] : object));
  const join = (name: string) => parts.flatMap((part) => textOf(part[name])).join("");
  return {
    text: join("content") + join("response"),
    thinking: join("thinking"),
    calls: parts.flatMap((part) => part["tool_calls"] ?? []).map(withoutId),
    logprobs: objects.flatMap((object) => object["logprobs"] ?? []),
  };
}

function textOf(value: Json | undefined): string[] {
  return typeof value === "string" ? [value] : [];
}

function withoutId(call: Json): Json {
  return isObject(call) ? (call["function"] ?? null) : call;
}

/** How the others are read depends on the dialect and on the request. */
const plain = fixtures.filter(({ reading }) => Object.keys(reading).length === 0);
const whole = plain.filter(({ name }) => !name.startsWith("error-"));
const broken = plain.filter(({ name }) => name.startsWith("error-"));
const brokenLater = broken.filter(({ bytes }) => translate([bytes]).error === undefined);
const brokenAtOnce = broken.filter(({ bytes }) => translate([bytes]).error !== undefined);

describe.each(whole)("the proxy in front of $name", (fixture) => {
  test("sends the lines of the fold", async () => {
    play(fixture);
    const response = await ask("/api/chat");
    const lines = parseNdjson(await response.text());
    expect(response.status).toBe(200);
    checkStream(lines, "chat");
    expectSame(lines, parseNdjson(fixture.expected));
  });

  test("sends them also when the backend's bytes come in small pieces", async () => {
    play(fixture, 37);
    expectSame(parseNdjson(await (await ask("/api/chat")).text()), parseNdjson(fixture.expected));
  });

  test("sends the same objects as Server-Sent Events", async () => {
    play(fixture);
    const response = await ask("/api/chat", {}, { accept: "text/event-stream" });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const { events } = parseSse(await response.text());
    expectSame(events, parseNdjson(fixture.expected));
  });

  test.each(["/api/chat", "/api/generate"] as const)(
    "answers %s whole with what the stream says in pieces",
    async (path) => {
      play(fixture);
      const lines = parseNdjson(await (await ask(path)).text());
      checkStream(lines, path === "/api/chat" ? "chat" : "generate");
      play(fixture);
      const response = await ask(path, { stream: false });
      const answer = (await response.json()) as JsonObject;
      expect(response.status).toBe(200);
      expect(said([answer])).toEqual(said(lines));
      const last = lines.at(-1) ?? {};
      expect(answer).toMatchObject({
        model: "m",
        done: true,
        done_reason: last["done_reason"],
        prompt_eval_count: last["prompt_eval_count"],
        eval_count: last["eval_count"],
      });
    },
  );
});

describe.each(brokenLater)("the proxy in front of $name", (fixture) => {
  test("keeps what came and ends with the error", async () => {
    play(fixture);
    const response = await ask("/api/chat");
    const lines = parseNdjson(await response.text());
    expect(response.status).toBe(200);
    checkStream(lines, "chat");
    expectSame(lines, parseNdjson(fixture.expected));
  });

  test("answers 502 and no text where the answer was to come whole", async () => {
    play(fixture);
    const response = await ask("/api/chat", { stream: false });
    expect(response.status).toBe(502);
    expect(await response.json()).toEqual({
      error: parseNdjson(fixture.expected).at(-1)?.["error"],
    });
  });
});

test.each(brokenAtOnce)(
  "the proxy in front of $name answers with a status of its own",
  async (fixture) => {
    play(fixture);
    const response = await ask("/api/chat");
    expect(response.status).toBeGreaterThanOrEqual(500);
    const body = (await response.json()) as JsonObject;
    expect(Object.keys(body)).toEqual(["error"]);
    expect(body["error"]).toMatch(/./u);
  },
);
