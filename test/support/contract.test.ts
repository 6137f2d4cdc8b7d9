import { describe, expect, test } from "vitest";
import { check } from "../../scripts/validate/answer.mjs";
import { checkContract, description } from "./contract.ts";
import type { JsonObject } from "./ndjson.ts";

const HEAD = { model: "m", created_at: "2026-01-02T03:04:05.123Z" };
const METRICS = {
  total_duration: 4,
  load_duration: 1,
  prompt_eval_count: 3,
  prompt_eval_duration: 1,
  eval_count: 2,
  eval_duration: 2,
};
const SAID = { role: "assistant", content: "a" };
const NOTHING = { role: "assistant", content: "" };
const CALL = { id: "1", function: { index: 0, name: "f", arguments: {} } };
const LINE = { ...HEAD, message: SAID, done: false };
const END = { ...HEAD, message: NOTHING, done: true, done_reason: "stop", ...METRICS };
const DETAILS = {
  parent_model: "",
  format: "gguf",
  family: "llama",
  families: ["llama"],
  parameter_size: "1B",
  quantization_level: "Q4_0",
};
const MODEL = {
  name: "m:latest",
  model: "m:latest",
  modified_at: HEAD.created_at,
  size: 1,
  digest: "0".repeat(64),
  details: DETAILS,
};
const CARD = {
  modelfile: "FROM m",
  template: "{{ .Prompt }}",
  details: DETAILS,
  model_info: {
    "general.architecture": "llama",
    "llama.context_length": 8,
    "general.parameter_count": 1,
  },
  capabilities: ["completion"],
  modified_at: HEAD.created_at,
};
const RUNNING = {
  name: "m:latest",
  model: "m:latest",
  size: 1,
  digest: "0".repeat(64),
  details: DETAILS,
  expires_at: HEAD.created_at,
  size_vram: 0,
  context_length: 1,
};

const good: [kind: string, value: JsonObject][] = [
  ["version", { version: "0.34.4" }],
  ["tags", { models: [{ ...MODEL, capabilities: ["tools"] }] }],
  ["ps", { models: [RUNNING] }],
  ["show", CARD],
  ["error", { error: "model 'x' not found" }],
  ["chat line", { ...LINE, message: { ...SAID, thinking: "t", tool_calls: [CALL] } }],
  ["chat end", END],
  ["chat answer", { ...END, message: { ...SAID, tool_calls: [CALL] } }],
  ["chat failure", { ...END, done_reason: "error", error: "boom", eval_count: 0 }],
  ["chat load", { ...HEAD, message: NOTHING, done: true, done_reason: "load" }],
  ["generate line", { ...HEAD, response: "a", done: false }],
  [
    "generate end",
    { ...HEAD, response: "", done: true, done_reason: "stop", context: [1], ...METRICS },
  ],
  ["generate load", { ...HEAD, response: "", done: true, done_reason: "unload" }],
];

test.each(good)("a good object fits: %s", (kind, value) => {
  expect(check(kind, value)).toEqual([]);
});

test.each(good)("an unknown member does not fit: %s", (kind, value) => {
  expect(check(kind, { ...value, surprise: 1 })).not.toEqual([]);
});

describe("what breaks clients does not fit", () => {
  test.each<[rule: string, kind: string, value: JsonObject]>([
    ["a version with a word", "version", { version: "0.34.4-proxy" }],
    ["models: null", "tags", { models: null }],
    ["a short digest", "tags", { models: [{ ...MODEL, digest: "abc" }] }],
    ["one digest twice", "tags", { models: [MODEL, MODEL] }],
    ["another name than model", "tags", { models: [{ ...MODEL, name: "n" }] }],
    ["a size of 0", "tags", { models: [{ ...MODEL, size: 0 }] }],
    ["no family", "tags", { models: [{ ...MODEL, details: { ...DETAILS, family: "" } }] }],
    ["families: null", "tags", { models: [{ ...MODEL, details: { ...DETAILS, families: null } }] }],
    ["context_length 0", "ps", { models: [{ ...RUNNING, context_length: 0 }] }],
    ["an unknown capability", "show", { ...CARD, capabilities: ["chat"] }],
    ["no capabilities", "show", { ...CARD, capabilities: [] }],
    ["no context length", "show", { ...CARD, model_info: { "general.architecture": "llama" } }],
    ["an empty license", "show", { ...CARD, license: "" }],
    ["an error object", "error", { error: { message: "x" } }],
    ["an empty error", "error", { error: "" }],
    ["an error of two lines", "error", { error: "a\nb" }],
    ["created_at as a number", "chat line", { ...LINE, created_at: 1 }],
    ["done_reason before the end", "chat line", { ...LINE, done_reason: "stop" }],
    ["done_reason: null", "chat end", { ...END, done_reason: null }],
    ["an unknown done_reason", "chat end", { ...END, done_reason: "tool_calls" }],
    ["text in the end", "chat end", { ...END, message: SAID }],
    ["a fraction of a nanosecond", "chat end", { ...END, total_duration: 1.5 }],
    [
      "arguments as a string",
      "chat answer",
      {
        ...END,
        message: {
          ...SAID,
          tool_calls: [{ ...CALL, function: { ...CALL.function, arguments: "{}" } }],
        },
      },
    ],
    [
      "a call without id",
      "chat answer",
      { ...END, message: { ...SAID, tool_calls: [{ function: CALL.function }] } },
    ],
    ["content: null", "chat line", { ...LINE, message: { ...SAID, content: null } }],
    [
      "metrics with a load",
      "chat load",
      { ...HEAD, message: NOTHING, done: true, done_reason: "load", ...METRICS },
    ],
    ["no response", "generate line", { ...HEAD, done: false }],
  ])("%s", (_rule, kind, value) => {
    expect(check(kind, value)).not.toEqual([]);
  });
});

describe("an answer", () => {
  const chat = { method: "POST", path: "/api/chat", status: 200 };
  const ndjson = "application/x-ndjson";

  test("is cut into its objects", () => {
    const text = `${JSON.stringify(LINE)}\n${JSON.stringify(END)}\n`;
    expect(checkContract({ ...chat, contentType: ndjson, text })).toEqual([
      "chat line",
      "chat end",
    ]);
    const events = `data: ${JSON.stringify(LINE)}\n\n: wait\n\ndata: ${JSON.stringify(END)}\n\n`;
    expect(checkContract({ ...chat, contentType: "text/event-stream", text: events })).toEqual([
      "chat line",
      "chat end",
    ]);
    expect(
      checkContract({ ...chat, contentType: "application/json", text: JSON.stringify(END) }),
    ).toEqual(["chat answer"]);
  });

  test.each<[rule: string, contentType: string, text: string]>([
    ["the end is missing", ndjson, `${JSON.stringify(LINE)}\n`],
    ["a line comes after the end", ndjson, `${JSON.stringify(END)}\n${JSON.stringify(LINE)}\n`],
    ["a line is blank", ndjson, `\n${JSON.stringify(END)}\n`],
    ["it is a page", "text/html", "<html>"],
  ])("breaks the contract when %s", (_rule, contentType, text) => {
    expect(() => checkContract({ ...chat, contentType, text })).toThrow(/breaks the contract/u);
  });
});

describe.skipIf(!description)("Ollama's own description", () => {
  const types = ["application/json", "application/x-ndjson"];

  test.each<[method: string, path: string, value: JsonObject]>([
    ["POST", "/api/chat", { message: { content: 1 } }],
    ["POST", "/api/generate", { response: 1 }],
    ["GET", "/api/tags", { models: [{ size: "1" }] }],
    ["GET", "/api/ps", { models: [{ name: 1 }] }],
    ["POST", "/api/show", { capabilities: "tools" }],
    ["GET", "/api/version", { version: 1 }],
    ["POST", "/api/embed", { embeddings: [1] }],
  ])("is used for %s %s", (method, path, value) => {
    for (const type of types) {
      expect(description?.check(method, path, type, value)).toHaveLength(1);
      expect(description?.check(method, path, type, {})).toEqual([]);
    }
  });
});
