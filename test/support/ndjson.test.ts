import { describe, expect, test } from "vitest";
import { checkStream, parseNdjson, parseSse, type JsonObject } from "./ndjson.ts";

const METRICS = {
  total_duration: 4,
  load_duration: 1,
  prompt_eval_count: 3,
  prompt_eval_duration: 1,
  eval_count: 2,
  eval_duration: 2,
};
const BASE = { model: "m", created_at: "2026-01-02T03:04:05.123456789Z" };

function message(extra: JsonObject = {}): JsonObject {
  return { role: "assistant", content: "", ...extra };
}
function piece(extra: JsonObject = {}): JsonObject {
  return { ...BASE, message: message({ content: "a" }), done: false, ...extra };
}
function end(extra: JsonObject = {}): JsonObject {
  return { ...BASE, message: message(), done: true, done_reason: "stop", ...METRICS, ...extra };
}
function call(index: number, extra: JsonObject = {}): JsonObject {
  const calling = { id: "1", function: { index, name: "f", arguments: { a: null } }, ...extra };
  return piece({ message: message({ tool_calls: [calling] }) });
}

describe("NDJSON is refused when", () => {
  test.each<[rule: string, text: string, complaint: RegExp]>([
    ["the last newline is missing", '{"a":1}', /newline/u],
    ["it is empty", "", /newline/u],
    ["a line is blank", '{"a":1}\n\n', /line 2 is blank/u],
    ["a line is a list", "[1]\n", /no object/u],
    ["a line is broken", '{"a":\n', /no JSON/u],
    ["a line is an event", 'data: {"a":1}\n', /no JSON/u],
    ["two objects share a line", '{"a":1}{"b":1}\n', /no JSON/u],
    ["lines end with CRLF", '{"a":1}\r\n', /carriage return/u],
    ["a member is null", '{"a":{"b":[1,null]}}\n', /null at line 1: \$\.a\.b\.1/u],
    ["U+2028 is raw", '{"a":"\u2028"}\n', /line separator/u],
    ["U+0085 is raw", '{"a":"\u0085"}\n', /line separator/u],
    ["a surrogate is alone", String.raw`{"a":"\ud83d"}` + "\n", /lone surrogate/u],
    ["a line is too long", `{"a":"${"x".repeat(8_000_000)}"}\n`, /too long/u],
  ])("%s", (_rule, text, complaint) => {
    expect(() => parseNdjson(text)).toThrow(complaint);
  });

  test("but not for null in arguments, or an emoji in two escapes", () => {
    const text = String.raw`{"arguments":{"a":null},"b":"\ud83d\ude00"}` + "\n";
    expect(parseNdjson(text)).toEqual([{ arguments: { a: null }, b: "😀" }]);
  });
});

describe("Server-Sent Events", () => {
  test("are objects and comments", () => {
    expect(parseSse('data: {"a":1}\n\n: wait\n\ndata: {"a":2}\n\n')).toEqual({
      events: [{ a: 1 }, { a: 2 }],
      comments: 1,
    });
  });

  test.each<[rule: string, text: string, complaint: RegExp]>([
    ["the blank line is missing", 'data: {"a":1}\n', /blank line/u],
    ["[DONE] is sent", 'data: {"a":1}\n\ndata: [DONE]\n\n', /no JSON/u],
    ["an event has a name", 'event: x\ndata: {"a":1}\n\n', /no data event/u],
    ["an object is on two lines", 'data: {"a":\ndata: 1}\n\n', /no JSON/u],
  ])("are refused when %s", (_rule, text, complaint) => {
    expect(() => parseSse(text)).toThrow(complaint);
  });
});

describe("a stream", () => {
  test.each<[name: string, lines: JsonObject[]]>([
    ["of text", [piece(), piece({ logprobs: [] }), end()]],
    ["of thinking", [piece({ message: message({ thinking: "t" }) }), end()]],
    ["of calls", [call(0), call(1), end()]],
    ["without text", [end({ eval_count: 0, eval_duration: 0 })]],
    ["that fails", [piece(), end({ done_reason: "error", error: "boom", eval_count: 0 })]],
    ["that loads", [{ ...BASE, message: message(), done: true, done_reason: "load" }]],
  ])("%s is accepted", (_name, lines) => {
    expect(() => checkStream(lines, "chat")).not.toThrow();
  });

  test("of generate is accepted", () => {
    const line = { ...BASE, response: "a", done: false };
    const last = { ...BASE, response: "", done: true, done_reason: "stop", ...METRICS };
    expect(() => checkStream([line, last], "generate")).not.toThrow();
    expect(() => checkStream([line, last], "chat")).toThrow(/no message/u);
    expect(() => checkStream([{ ...line, response: 1 }, last], "generate")).toThrow(/response/u);
  });

  test.each<[rule: string, lines: JsonObject[], complaint: RegExp]>([
    ["it has no line", [], /no line/u],
    ["the end is missing", [piece()], /done of line 1/u],
    ["it ends twice", [end(), end()], /done of line 1/u],
    ["a reason comes early", [piece({ done_reason: "stop" }), end()], /done_reason in line 1/u],
    ["created_at moves", [piece({ created_at: "2026" }), end()], /created_at of line 1/u],
    ["created_at is no date", [end({ created_at: "now" })], /created_at is|created_at of/u],
    ["the model changes", [piece({ model: "n" }), end()], /model of line 1/u],
    ["the role changes", [piece({ message: message({ role: "user" }) }), end()], /role of/u],
    ["content is missing", [piece({ message: { role: "assistant" } }), end()], /content of/u],
    ["thinking is empty", [piece({ message: message({ thinking: "" }) }), end()], /thinking/u],
    ["text is in the end", [end({ message: message({ content: "x" }) })], /last line has text/u],
    [
      "arguments are a string",
      [call(0, { function: { index: 0, name: "f", arguments: "{}" } }), end()],
      /arguments of f/u,
    ],
    ["an index repeats", [call(0), call(0), end()], /index of f/u],
    ["a call has no id", [call(0, { id: "" }), end()], /id/u],
    ["a metric is missing", [end({ total_duration: "1" })], /total_duration/u],
    ["a metric is zero", [piece(), end({ eval_count: 0 })], /eval_count is 0/u],
    ["a metric has a fraction", [end({ load_duration: 1.5 })], /load_duration is 1.5/u],
    ["an error comes early", [piece({ error: "x" }), end()], /not the last/u],
    ["an error ends with stop", [end({ error: "x" })], /error with done_reason .stop/u],
    ["the reason error has no text", [end({ done_reason: "error" })], /error with/u],
  ])("is refused when %s", (_rule, lines, complaint) => {
    expect(() => checkStream(lines, "chat")).toThrow(complaint);
  });
});
