import { expect, test } from "vitest";
import {
  chatProbes,
  embeddingProbe,
  judge,
  judgeChat,
  judgeStreaming,
  type Probe,
} from "../../../src/cli/check-probes.ts";
import type { Answer } from "../../../src/cli/check-proxy.ts";

const cost = { requests: 1, input: 1, output: 1 };

function answered(...lines: object[]): Answer {
  return { status: 200, lines: lines as Answer["lines"], ignored: [], cost };
}

const said = (content: string, more: object = {}) => answered({ message: { content, ...more } });

const called = (name: string, given: object) =>
  said("", { tool_calls: [{ function: { name, arguments: given } }] });

const { tools, json_schema, thinking, vision, fim } = chatProbes;

test.for<[what: string, probe: Probe, answer: Answer, result: string]>([
  ["a call", tools, called("get_weather", { city: "Paris" }), "yes"],
  ["a call without its argument", tools, called("get_weather", { town: "Paris" }), "unclear"],
  ["a call of something else", tools, called("get_rain", { city: "Paris" }), "unclear"],
  ["words", tools, said("It rains."), "not called"],
  ["a document that fits", json_schema, said('{"answer":"blue"}'), "yes"],
  ["a document that does not", json_schema, said('{"sky":"blue"}'), "no"],
  ["a document with more", json_schema, said('{"answer":"blue","sky":1}'), "no"],
  ["no document", json_schema, said("Blue."), "no"],
  ["thoughts", thinking, said("51", { thinking: "Well" }), "yes"],
  ["no thoughts", thinking, said("51"), "no"],
  ["the colour", vision, said("It is **Yellow**."), "yes"],
  ["another colour", vision, said("Blue."), "unclear"],
  ["a text", fim, answered({ response: "a + b" }), "yes"],
  ["no text", fim, answered({ response: "" }), "unclear"],
  ["a vector", embeddingProbe, answered({ embeddings: [[1, 0]] }), "yes"],
  ["an empty vector", embeddingProbe, answered({ embeddings: [[]] }), "unclear"],
])("%s", ([, probe, answer, result]) => {
  expect(judge(probe, answer).result).toBe(result);
});

test("an answer that was cut says nothing", () => {
  const cut = answered({ message: { content: "Well, let me" }, done_reason: "length" });
  for (const probe of [tools, json_schema, vision]) {
    expect(judge(probe, cut)).toEqual({
      result: "unclear",
      reason: "it had not come to it after 128 tokens",
    });
  }
});

test("a refusal is a no in the backend's words; what is broken, busy or late is none", () => {
  const failed = (status: number | undefined): Answer => ({
    ...answered(),
    status,
    error: "sorry",
  });
  for (const status of [400, 404, 422, 501]) {
    expect(judge(tools, failed(status))).toEqual({ result: "no", reason: "sorry" });
  }
  for (const status of [200, 429, 500, 502, 503, undefined]) {
    expect(judge(tools, failed(status))).toEqual({ result: "unclear", reason: "sorry" });
    expect(judgeChat(failed(status))).toEqual({ result: "no", reason: "sorry" });
  }
});

test("what the backend can't be told is a no, whatever it answers", () => {
  const answer = { ...said('{"answer":"blue"}'), ignored: ["options.top_k", "format"] };
  expect(judge(json_schema, answer)).toEqual({
    result: "no",
    reason: "the backend can't be told `format`",
  });
});

test("a stream is one where the answer comes in pieces", () => {
  const piece = (content: string, thought?: string) => ({
    message: { content, thinking: thought },
  });
  const end = { ...piece(""), done: true };
  expect(judgeStreaming(answered(piece("1"), piece(", 2"), end)).result).toBe("yes");
  expect(judgeStreaming(answered(piece("", "Well"), piece("1"), end)).result).toBe("yes");
  expect(judgeStreaming(answered(piece("1, 2"), end)).result).toBe("unclear");
  expect(judgeStreaming(answered(end)).result).toBe("unclear");
});

test("a long answer is quoted in part", () => {
  const { reason = "" } = judge(tools, said("words ".repeat(50)));
  expect(reason).toMatch(/words…"$/);
  expect(reason.length).toBeLessThan(100);
});
