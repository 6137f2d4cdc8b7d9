import { expect } from "vitest";
import { checkStream, isObject, parseNdjson, type JsonObject } from "../support/ndjson.ts";

/** What a client should come to see, whatever route it asked. */
export type Expected =
  /** `openaiError`: the text on `/v1`, where it is another. */
  | {
      readonly refused: number;
      readonly error: string;
      readonly openaiError?: string;
      /** The same for vectors. */
      readonly embedError?: string;
      readonly retryAfter?: string;
    }
  /** The text so far, then the error with this reason. */
  | { readonly cut: string; readonly after: string }
  /** A whole answer; where vectors are asked for, vectors. */
  | { readonly text: string; readonly reason?: string; readonly calls?: readonly string[] };

type Refused = Extract<Expected, { refused: number }>;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** One way to ask for an answer, and how each outcome looks there. */
export interface Front {
  readonly path: string;
  readonly body: (prompt: string) => object;
  readonly check: (answer: Answer, expected: Expected) => void;
}

const running = "an error was encountered while running the model: ";
const ndjson = "application/x-ndjson";
const json = "application/json; charset=utf-8";
const asked = (content: string) => [{ role: "user", content }];

/** The routes and forms that share one pipeline; the first is the one every fault is tried on. */
export const fronts = {
  chat: {
    path: "/api/chat",
    body: (prompt) => ({ model: "m", messages: asked(prompt) }),
    check: (answer, expected) => checkLines(answer, expected, "chat"),
  },
  generate: {
    path: "/api/generate",
    body: (prompt) => ({ model: "m", prompt }),
    check: (answer, expected) => checkLines(answer, expected, "generate"),
  },
  whole: {
    path: "/api/chat",
    body: (prompt) => ({ model: "m", stream: false, messages: asked(prompt) }),
    check: checkWhole,
  },
  openai: {
    path: "/v1/chat/completions",
    body: (prompt) => ({ model: "m", stream: true, messages: asked(prompt) }),
    check: checkEvents,
  },
} satisfies Record<string, Front>;

/** Where the backend's answer is one document, too: it is read whole before anything is told. */
export const documentFronts = {
  embed: {
    path: "/api/embed",
    body: (input) => ({ model: "m", input }),
    check: checkVectors,
  },
  "openai whole": {
    path: "/v1/chat/completions",
    body: (prompt) => ({ model: "m", messages: asked(prompt) }),
    check: checkDocument,
  },
} satisfies Record<string, Front>;

/** The embedding that `/api/embed` is expected to tell. */
export const VECTOR = [0.6, 0.8];

export async function ask(url: string, front: Front, prompt = "hi"): Promise<Answer> {
  const answer = await fetch(url + front.path, {
    method: "POST",
    body: JSON.stringify(front.body(prompt)),
  });
  return { status: answer.status, headers: answer.headers, body: await answer.text() };
}

function checkLines(answer: Answer, expected: Expected, kind: "chat" | "generate"): void {
  if ("refused" in expected) {
    checkRefusal(answer, expected);
    return;
  }
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, ndjson]);
  const lines = parseNdjson(answer.body);
  checkStream(lines, kind);
  const last = lines.at(-1);
  if ("cut" in expected) {
    expect(last).toMatchObject({ done_reason: "error", error: running + expected.cut });
    expect(textOf(lines)).toBe(expected.after);
    expect(callsOf(lines)).toEqual([]);
  } else {
    expect(last?.["done_reason"]).toBe(expected.reason ?? "stop");
    expect(textOf(lines)).toBe(expected.text);
    expect(callsOf(lines)).toEqual(expected.calls ?? []);
  }
}

function checkWhole(answer: Answer, expected: Expected): void {
  if ("refused" in expected) checkRefusal(answer, expected);
  else if ("cut" in expected) {
    checkRefusal(answer, { refused: 502, error: running + expected.cut });
  } else {
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, json]);
    const object = parseObject(answer.body);
    checkStream([withoutText(object)], "chat");
    expect(object["done_reason"]).toBe(expected.reason ?? "stop");
    expect(textOf([object])).toBe(expected.text);
  }
}

/** The one object is the last object of a stream, with all the text in it. */
function withoutText(object: JsonObject): JsonObject {
  return { ...object, message: { role: "assistant", content: "" } };
}

function checkVectors(answer: Answer, expected: Expected): void {
  if ("refused" in expected) {
    checkRefusal(answer, { ...expected, error: expected.embedError ?? expected.error });
  } else {
    expect("cut" in expected, "vectors come whole or not at all").toBe(false);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, json]);
    expect(parseObject(answer.body)["embeddings"]).toEqual([VECTOR]);
  }
}

function checkEvents(answer: Answer, expected: Expected): void {
  if ("refused" in expected) {
    checkOpenAIRefusal(answer, expected);
    return;
  }
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toMatch(/^text\/event-stream\b/u);
  const parts = answer.body.split("\n\n");
  expect(parts.at(-1)).toBe("");
  const events = parts
    .slice(0, -1)
    .map((event) => event.replace(/^event: .*\n/u, "").replace(/^data: /u, ""));
  const objects = events.filter((event) => event !== "[DONE]").map(parseObject);
  const errors = objects.filter((object) => "error" in object);
  if ("cut" in expected) {
    const error = { message: running + expected.cut, type: "api_error", param: null, code: null };
    expect(objects.at(-1)).toEqual({ error });
    expect(errors).toHaveLength(1);
    expect(events).not.toContain("[DONE]");
    expect(deltasOf(objects)).toBe(expected.after);
  } else {
    expect(deltasOf(objects)).toBe(expected.text);
    expect(errors).toEqual([]);
    expect(events.indexOf("[DONE]")).toBe(events.length - 1);
  }
}

function checkDocument(answer: Answer, expected: Expected): void {
  if ("refused" in expected) checkOpenAIRefusal(answer, expected);
  else if ("cut" in expected) {
    checkOpenAIRefusal(answer, { refused: 502, error: running + expected.cut });
  } else {
    expect(answer.status).toBe(200);
    const { choices } = parseObject(answer.body);
    const [choice] = Array.isArray(choices) ? choices : [];
    expect(choice).toMatchObject({ message: { content: expected.text } });
  }
}

function checkRefusal(answer: Answer, { error, ...refusal }: Refused): void {
  checkRefused(answer, refusal, { error });
}

function checkOpenAIRefusal(answer: Answer, { error, openaiError, ...refusal }: Refused): void {
  const message = openaiError ?? error;
  const type = openaiType(refusal.refused);
  checkRefused(answer, refusal, { error: { message, type, param: null, code: null } });
}

/** Status, type and every byte of the body. */
function checkRefused(
  { status, headers, body }: Answer,
  { refused, retryAfter }: Pick<Refused, "refused" | "retryAfter">,
  object: object,
): void {
  expect({ status, body: JSON.parse(body) as unknown }).toEqual({ status: refused, body: object });
  expect(body).toBe(JSON.stringify(JSON.parse(body)));
  expect(headers.get("content-type")).toBe(json);
  expect(headers.get("retry-after")).toBe(retryAfter ?? null);
}

function openaiType(status: number): string {
  if (status === 404) return "not_found_error";
  return status < 500 && status !== 429 ? "invalid_request_error" : "api_error";
}

function parseObject(text: string): JsonObject {
  const value: unknown = JSON.parse(text);
  if (!isObject(value)) throw new Error(`no object: ${text.slice(0, 200)}`);
  return value;
}

function textOf(lines: readonly JsonObject[]): string {
  return lines
    .map((line) => (isObject(line["message"]) ? line["message"] : line))
    .map((holder) => (holder["content"] ?? holder["response"]) as string)
    .join("");
}

/** Names of the tools that were called. */
function callsOf(lines: readonly JsonObject[]): unknown[] {
  return lines
    .flatMap(({ message }) => (isObject(message) ? (message["tool_calls"] ?? []) : []))
    .map((call) => isObject(call) && isObject(call["function"]) && call["function"]["name"]);
}

function deltasOf(chunks: readonly JsonObject[]): string {
  return chunks
    .flatMap((chunk) => (Array.isArray(chunk["choices"]) ? chunk["choices"] : []))
    .map((choice) => (isObject(choice) && isObject(choice["delta"]) ? choice["delta"] : {}))
    .map((delta) => (delta["content"] ?? "") as string)
    .join("");
}
