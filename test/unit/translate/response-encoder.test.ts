import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DeltaEvent } from "../../../src/translate/events.ts";
import {
  ChatResponseEncoder,
  GenerateResponseEncoder,
} from "../../../src/translate/response-encoder.ts";

const identity = { model: "m", createdAt: "2026-01-02T03:04:05Z" };
const begin = { model: "m", created_at: "2026-01-02T03:04:05Z" };
const metrics = {
  total_duration: 1,
  load_duration: 1,
  prompt_eval_count: 1,
  prompt_eval_duration: 1,
  eval_count: 1,
  eval_duration: 1,
};
const logprobs = [{ token: "a", logprob: -1 }];
const end = { type: "end", reason: "length", finishReason: "length", usage: {} } as const;
const limit = 20_000;

const call: DeltaEvent = {
  type: "tool-call",
  index: 0,
  id: "call_1",
  name: "f",
  arguments: { a: null },
};
const toolCall = { id: "call_1", function: { index: 0, name: "f", arguments: { a: null } } };

describe("an event becomes", () => {
  test.each<[string, DeltaEvent, object, object]>([
    ["a line of text", { type: "text-delta", text: "a" }, { content: "a" }, { response: "a" }],
    [
      "a line of thinking with empty text",
      { type: "thinking-delta", text: "a" },
      { content: "", thinking: "a" },
      { response: "", thinking: "a" },
    ],
    [
      "a line with one whole call",
      call,
      { content: "", tool_calls: [toolCall] },
      { response: "", tool_calls: [toolCall] },
    ],
  ])("%s", (_, event, message, fields) => {
    expect(new ChatResponseEncoder(identity).push(event)).toEqual([
      { ...begin, message: { role: "assistant", ...message }, done: false },
    ]);
    expect(new GenerateResponseEncoder(identity).push(event)).toEqual([
      { ...begin, ...fields, done: false },
    ]);
  });

  test("a line with the log probabilities of its text", () => {
    const event = { type: "text-delta", text: "a", logprobs } as const;
    expect(new ChatResponseEncoder(identity).push(event)).toMatchObject([{ logprobs }]);
    expect(new GenerateResponseEncoder(identity).push(event)).toMatchObject([{ logprobs }]);
  });

  test("the last line, with the reason and the metrics", () => {
    expect(new ChatResponseEncoder(identity).end(end, metrics)).toEqual({
      ...begin,
      message: { role: "assistant", content: "" },
      done: true,
      done_reason: "length",
      ...metrics,
    });
    expect(new GenerateResponseEncoder(identity).end(end, metrics)).toEqual({
      ...begin,
      response: "",
      done: true,
      done_reason: "length",
      ...metrics,
    });
  });

  test("a last line that is an error and no stop", () => {
    const failed = { ...begin, done: true, done_reason: "error", ...metrics, error: "boom" };
    expect(new ChatResponseEncoder(identity).fail("boom", metrics)).toEqual({
      ...failed,
      message: { role: "assistant", content: "" },
    });
    expect(new GenerateResponseEncoder(identity).fail("boom", metrics)).toEqual({
      ...failed,
      response: "",
    });
  });
});

test("the context is made of the whole answer, and not of its thoughts", () => {
  const encoder = new GenerateResponseEncoder(identity, (answer) => [answer.length]);
  encoder.push({ type: "thinking-delta", text: "thoughts" });
  encoder.push({ type: "text-delta", text: "abc" });
  encoder.push({ type: "text-delta", text: "de" });
  expect(encoder.end(end, metrics).context).toEqual([5]);
});

test("members come in real Ollama's order", () => {
  const [line] = new ChatResponseEncoder(identity).push(call);
  expect(JSON.stringify(line)).toBe(
    '{"model":"m","created_at":"2026-01-02T03:04:05Z","message":{"role":"assistant","content":"",' +
      '"tool_calls":[{"id":"call_1","function":{"index":0,"name":"f","arguments":{"a":null}}}]},"done":false}',
  );
});

describe("a text longer than 64 Ki characters", () => {
  const chat = (text: string) =>
    new ChatResponseEncoder(identity)
      .push({ type: "text-delta", text, logprobs })
      .map((line) => line.message.content);

  test.each([
    [limit, 1],
    [limit + 1, 2],
    [3 * limit, 3],
  ])("of %i characters comes in %i lines", (length, lines) => {
    const texts = chat("x".repeat(length));
    expect(texts).toHaveLength(lines);
    expect(texts.join("")).toHaveLength(length);
  });

  test("is cut between characters, wherever a pair lies", () => {
    fc.assert(
      fc.property(fc.integer({ min: limit - 3, max: limit + 3 }), (before) => {
        const text = `${"x".repeat(before)}😀${"y".repeat(limit)}😀`;
        const texts = chat(text);
        expect(texts.join("")).toBe(text);
        expect(texts.every((piece) => piece.length <= limit && piece.isWellFormed())).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test("has its log probabilities once", () => {
    for (const encoder of [
      new ChatResponseEncoder(identity),
      new GenerateResponseEncoder(identity),
    ]) {
      const lines = encoder.push({ type: "thinking-delta", text: "x".repeat(limit + 1), logprobs });
      expect(lines.flatMap((line) => line.logprobs ?? [])).toEqual(logprobs);
    }
  });
});
