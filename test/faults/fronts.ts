import { expect } from "vitest";
import { checkStream, isObject, parseNdjson, type JsonObject } from "../support/ndjson.ts";

/** What a client should come to see, whatever route it asked. */
export type Expected =
  /** `openaiError`: the text on `/v1`, where it is another. */
  | { refused: number; error: string; openaiError?: string; retryAfter?: string }
  /** The text so far, then the error with this reason. */
  | { cut: string; after: string }
  | { text: string; reason?: string };

/** One way to ask for an answer, and how each outcome looks there. */
export interface Front {
  path: string;
  body: (prompt: string) => object;
  check: (answer: Answer, expected: Expected) => void;
}

export interface Answer {
  status: number;
  headers: Headers;
  body: string;
}

const running = "an error was encountered while running the model: ";

/** The routes and forms that share one pipeline; the first is the one every fault is tried on. */
export const fronts: Record<"chat" | "generate" | "whole" | "openai", Front> = {
  chat: {
    path: "/api/chat",
    body: (content) => ({ model: "m", messages: [{ role: "user", content }] }),
    check: (answer, expected) => checkLines(answer, expected, "chat"),
  },
  generate: {
    path: "/api/generate",
    body: (prompt) => ({ model: "m", prompt }),
    check: (answer, expected) => checkLines(answer, expected, "generate"),
  },
  whole: {
    path: "/api/chat",
    body: (content) => ({ model: "m", stream: false, messages: [{ role: "user", content }] }),
    check: checkWhole,
  },
  openai: {
    path: "/v1/chat/completions",
    body: (content) => ({ model: "m", stream: true, messages: [{ role: "user", content }] }),
    check: checkEvents,
  },
};

export async function ask(url: string, front: Front, prompt = "hi"): Promise<Answer> {
  const answer = await fetch(url + front.path, {
    method: "POST",
    body: JSON.stringify(front.body(prompt)),
  });
  return { status: answer.status, headers: answer.headers, body: await answer.text() };
}

function checkLines(answer: Answer, expected: Expected, kind: "chat" | "generate"): void {
  if ("refused" in expected) {
    checkRefusal(answer, expected, { error: expected.error });
    return;
  }
  expect(answer.status).toBe(200);
  const lines = parseNdjson(answer.body);
  checkStream(lines, kind);
  const last = lines.at(-1);
  if ("cut" in expected) {
    expect(last).toMatchObject({ done_reason: "error", error: running + expected.cut });
    expect(textOf(lines)).toBe(expected.after);
  } else {
    expect(last?.["done_reason"]).toBe(expected.reason ?? "stop");
    expect(textOf(lines)).toBe(expected.text);
  }
}

function checkWhole(answer: Answer, expected: Expected): void {
  if ("refused" in expected) {
    checkRefusal(answer, expected, { error: expected.error });
  } else if ("cut" in expected) {
    expect(answer.status).toBe(502);
    expect(JSON.parse(answer.body)).toEqual({ error: running + expected.cut });
  } else {
    expect(answer.status).toBe(200);
    const object = JSON.parse(answer.body) as JsonObject;
    checkStream([object].map(withoutText), "chat");
    expect(object["done_reason"]).toBe(expected.reason ?? "stop");
    expect(textOf([object])).toBe(expected.text);
  }
}

/** The one object is the last object of a stream, with all the text in it. */
function withoutText(object: JsonObject): JsonObject {
  return { ...object, message: { role: "assistant", content: "" } };
}

function checkEvents(answer: Answer, expected: Expected): void {
  if ("refused" in expected) {
    const error = { message: expected.openaiError ?? expected.error, param: null, code: null };
    checkRefusal(answer, expected, { error });
    return;
  }
  expect(answer.status).toBe(200);
  const events = answer.body
    .split("\n\n")
    .slice(0, -1)
    .map((event) => event.replace(/^event: .*\n/u, "").replace(/^data: /u, ""));
  const objects = events.filter((event) => event !== "[DONE]").map(parseObject);
  if ("cut" in expected) {
    const error = { message: running + expected.cut, type: "api_error", param: null, code: null };
    expect(objects.at(-1)).toEqual({ error });
    expect(events).not.toContain("[DONE]");
    expect(deltasOf(objects)).toBe(expected.after);
  } else {
    expect(deltasOf(objects)).toBe(expected.text);
    expect(objects.filter((object) => "error" in object)).toEqual([]);
  }
}

function checkRefusal(
  answer: Answer,
  { refused, retryAfter }: Extract<Expected, { refused: number }>,
  body: object,
): void {
  expect(JSON.parse(answer.body)).toMatchObject(body);
  expect(answer.status).toBe(refused);
  expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
  expect(answer.headers.get("retry-after")).toBe(retryAfter ?? null);
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

function deltasOf(chunks: readonly JsonObject[]): string {
  return chunks
    .flatMap((chunk) => (Array.isArray(chunk["choices"]) ? chunk["choices"] : []))
    .map((choice) => (isObject(choice) && isObject(choice["delta"]) ? choice["delta"] : {}))
    .map((delta) => (delta["content"] ?? "") as string)
    .join("");
}
