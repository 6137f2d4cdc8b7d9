import { describe, expect, test } from "vitest";
import {
  parseChatRequest,
  parseGenerateRequest,
  parseShowRequest,
} from "../../../src/ollama/requests.ts";

const bareChat = {
  model: "m",
  stream: true,
  options: { known: {}, unknown: [] },
  think: undefined,
  format: undefined,
  keepAlive: undefined,
  logprobs: false,
  topLogprobs: 0,
  truncate: true,
  unknown: [],
  messages: [],
  tools: [],
};

describe("a request is read leniently:", () => {
  test("what is absent has Ollama's default", () => {
    expect(parseChatRequest({ model: "m" })).toEqual(bareChat);
  });

  test("null is absence, in every field", () => {
    const fields = [
      "stream",
      "options",
      "think",
      "format",
      "keep_alive",
      "logprobs",
      "top_logprobs",
      "messages",
      "tools",
      "nonsense",
    ];
    const nulls = Object.fromEntries(fields.map((field) => [field, null]));
    expect(parseChatRequest({ model: "m", ...nulls })).toEqual(bareChat);
    expect(
      parseGenerateRequest({
        model: "m",
        prompt: null,
        suffix: null,
        system: null,
        template: null,
        context: null,
        raw: null,
        images: null,
      }),
    ).toEqual(parseGenerateRequest({ model: "m" }));
  });

  test.each([null, {}])("a body of %j has no model", (body) => {
    expect(parseChatRequest(body)).toEqual({ ...bareChat, model: "" });
  });

  test("keys are matched in any case, as Go does", () => {
    expect(
      parseChatRequest({ Model: "m", STREAM: false, Messages: [{ Role: "user", CONTENT: "Hi" }] }),
    ).toMatchObject({
      model: "m",
      stream: false,
      messages: [{ role: "user", content: "Hi" }],
      unknown: [],
    });
  });

  test("unknown fields are named and do no harm", () => {
    const request = parseChatRequest({
      model: "m",
      temperature: 1,
      tool_choice: "auto",
      constructor: 1,
    });
    expect(request).toEqual({
      ...bareChat,
      unknown: ["temperature", "tool_choice", "constructor"],
    });
  });

  test("empty texts and lists mean none", () => {
    expect(parseChatRequest({ model: "m", format: "", tools: [], options: {} })).toEqual(bareChat);
    expect(
      parseGenerateRequest({
        model: "m",
        prompt: "",
        suffix: "",
        system: "",
        template: "",
        format: "",
      }),
    ).toEqual(parseGenerateRequest({ model: "m" }));
  });
});

describe("a message", () => {
  const read = (message: unknown) =>
    parseChatRequest({ model: "m", messages: [message] }).messages[0];

  test("has a name of its tool under either key", () => {
    expect(read({ role: "tool", tool_name: "f" })?.toolName).toBe("f");
    expect(read({ role: "tool", name: "f" })?.toolName).toBe("f");
    expect(read({ role: "tool", tool_name: "", name: "f" })?.toolName).toBe("f");
  });

  test("may lack everything", () => {
    expect(read({})).toEqual({
      role: "",
      content: "",
      thinking: undefined,
      images: [],
      toolCalls: [],
      toolName: undefined,
      toolCallId: undefined,
    });
  });

  test("has its calls with and without id", () => {
    const tool_calls = [
      { id: "x", type: "function", function: { name: "f", arguments: { a: 1 } } },
      { function: { name: "g" } },
    ];
    expect(read({ role: "assistant", tool_calls })?.toolCalls).toEqual([
      { id: "x", name: "f", arguments: { a: 1 } },
      { id: undefined, name: "g", arguments: {} },
    ]);
  });
});

describe("what is wrong is told with its field:", () => {
  test.each([
    [{ model: 1 }, /^model: expected string/u],
    [{ stream: "yes" }, /^stream: expected boolean/u],
    [{ options: [] }, /^options: expected object/u],
    [{ messages: "Hi" }, /^messages: expected array/u],
    [{ messages: ["Hi"] }, /^messages\[0\]: expected object, received string$/u],
    [
      { messages: [{ content: "Hi" }, { content: 5 }] },
      /^messages\[1\]\.content: expected string/u,
    ],
    [
      { messages: [{ tool_calls: [{ function: "f" }] }] },
      /^messages\[0\]\.tool_calls\[0\]\.function: expected object/u,
    ],
    [{ messages: [{ images: ["*"] }] }, /^illegal base64 data at input byte 0$/u],
    [{ tools: [{ type: "function" }] }, /^tools\[0\]\.function: expected object/u],
    [{ tools: [{ function: {} }] }, /^tools\[0\]\.function\.name: expected string/u],
    [{ think: 1 }, /^think must be a boolean or string$/u],
    [
      { think: "hard" },
      /^invalid think value: "hard" \(must be "high", "medium", "low", "max", true, or false\)$/u,
    ],
    [{ format: "yaml" }, /^invalid format: .*; expected "json" or a valid JSON Schema object$/u],
    [{ format: 5 }, /^invalid format/u],
    [{ top_logprobs: 21 }, /^top_logprobs must be between 0 and 20$/u],
    [{ top_logprobs: -1 }, /^top_logprobs must be between 0 and 20$/u],
    [{ keep_alive: "300" }, /^time: missing unit in duration "300"$/u],
    [{ options: { num_ctx: "big" } }, /^option "num_ctx" must be of type integer$/u],
  ])("%j", (fields, message) => {
    const error = expect.objectContaining({ status: 400, message: expect.stringMatching(message) });
    expect(() => parseChatRequest({ model: "m", ...fields })).toThrow(error);
  });

  test.each(["text", 5, [], true])("a body that is %j", (body) => {
    expect(() => parseGenerateRequest(body)).toThrow(
      /^request body: expected object, received (?:string|number|array|boolean)$/u,
    );
  });
});

test.each([true, false, "low", "medium", "high", "max"])("think may be %j", (think) => {
  expect(parseChatRequest({ model: "m", think }).think).toBe(think);
});

test("show takes a name under either key, and the fields that the command line sends", () => {
  expect(parseShowRequest({ model: "m" })).toMatchObject({ model: "m" });
  expect(parseShowRequest({ model: "", name: "m", system: "", options: null })).toMatchObject({
    model: "m",
  });
  expect(parseShowRequest({})).toMatchObject({ model: "" });
});
