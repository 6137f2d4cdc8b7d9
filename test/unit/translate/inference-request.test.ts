import { describe, expect, test } from "vitest";
import { genericLocal } from "../../../src/dialects/generic-local.ts";
import { generic } from "../../../src/dialects/generic.ts";
import { parseChatRequest, parseGenerateRequest } from "../../../src/ollama/requests.ts";
import { encodeContext } from "../../../src/translate/context.ts";
import {
  toChatCompletionRequest,
  toGenerateRequest,
} from "../../../src/translate/inference-request.ts";

const messages = [{ role: "user", content: "Hi" }];

function chat(fields: object, dialect = generic) {
  return toChatCompletionRequest(
    parseChatRequest({ model: "x", messages, ...fields }),
    "m",
    dialect,
  );
}

function generate(fields: object, canInsert = false, dialect = generic) {
  return toGenerateRequest(
    parseGenerateRequest({ model: "x", prompt: "Hi", ...fields }),
    "m",
    dialect,
    canInsert,
  );
}

const bare = { model: "m", messages, stream: true, stream_options: { include_usage: true } };

test("a bare chat has the backend's model id, the messages, and asks for a stream with usage", () => {
  expect(chat({})).toEqual({
    path: "/chat/completions",
    body: bare,
    ignored: [],
    promptEstimate: 1,
    topLogprobs: 0,
  });
});

test("a backend is always asked for a stream, whatever the client asked for", () => {
  expect(chat({ stream: false }).body).toEqual(bare);
});

describe("an option", () => {
  test.each([
    ["temperature", 0, { temperature: 0 }],
    ["top_p", 0.5, { top_p: 0.5 }],
    ["seed", 42, { seed: 42 }],
    ["stop", ["a", "b"], { stop: ["a", "b"] }],
    ["frequency_penalty", -1, { frequency_penalty: -1 }],
    ["presence_penalty", 1, { presence_penalty: 1 }],
    ["num_predict", 5, { max_tokens: 5 }],
  ])("%s is sent to every backend", (name, value, fields) => {
    for (const dialect of [generic, genericLocal]) {
      expect(chat({ options: { [name]: value } }, dialect)).toMatchObject({
        body: { ...bare, ...fields },
        ignored: [],
      });
    }
  });

  test.each([
    ["top_k", 40, { top_k: 40 }],
    ["min_p", 0.1, { min_p: 0.1 }],
    ["repeat_penalty", 1.2, { repeat_penalty: 1.2, repetition_penalty: 1.2 }],
  ])(
    "%s is sent to servers of one's own, and named as ignored elsewhere",
    (name, value, fields) => {
      const options = { [name]: value };
      expect(chat({ options }, genericLocal)).toMatchObject({
        body: { ...bare, ...fields },
        ignored: [],
      });
      expect(chat({ options })).toMatchObject({ body: bare, ignored: [`options.${name}`] });
      expect(chat({ options }).body).toEqual(bare);
    },
  );

  test.each([
    "num_ctx",
    "num_keep",
    "typical_p",
    "repeat_last_n",
    "num_gpu",
    "num_thread",
    "mirostat",
    "topK",
  ])("%s is sent to nobody and named as ignored", (name) => {
    for (const dialect of [generic, genericLocal]) {
      const lowered = chat({ options: { [name]: 1 } }, dialect);
      expect(lowered.body).toEqual(bare);
      expect(lowered.ignored).toEqual([`options.${name}`]);
    }
  });

  test.each([
    ["num_predict", 0],
    ["num_predict", -1],
    ["num_predict", -2],
    ["stop", []],
    ["stop", [""]],
    ["temperature", null],
  ])("%s of %j says nothing and is no loss", (name, value) => {
    expect(chat({ options: { [name]: value } })).toMatchObject({ body: bare, ignored: [] });
    expect(chat({ options: { [name]: value } }).body).toEqual(bare);
  });

  test("stop is sent without its empty texts", () => {
    expect(chat({ options: { stop: ["", "a"] } }).body).toEqual({ ...bare, stop: ["a"] });
  });
});

describe("think", () => {
  const switched = (on: boolean) => ({
    chat_template_kwargs: { enable_thinking: on, thinking: on },
  });

  test.each([
    [undefined, {}, [], {}],
    [null, {}, [], {}],
    [true, {}, ["think"], switched(true)],
    [false, {}, ["think"], switched(false)],
    ["low", { reasoning_effort: "low" }, [], { ...switched(true), reasoning_effort: "low" }],
    ["max", { reasoning_effort: "max" }, [], { ...switched(true), reasoning_effort: "max" }],
  ])(
    "%j is a level for every backend, a switch for servers of one's own",
    (think, fields, ignored, local) => {
      expect(chat({ think })).toMatchObject({ ignored });
      expect(chat({ think }).body).toEqual({ ...bare, ...fields });
      expect(chat({ think }, genericLocal)).toMatchObject({ ignored: [] });
      expect(chat({ think }, genericLocal).body).toEqual({ ...bare, ...local });
    },
  );
});

describe("format", () => {
  const schema = { type: "object", properties: { a: { type: "string" } } };

  test.each([
    ["json", { response_format: { type: "json_object" } }],
    [
      schema,
      { response_format: { type: "json_schema", json_schema: { name: "response", schema } } },
    ],
    ["", {}],
    [null, {}],
  ])("%j", (format, fields) => {
    expect(chat({ format }).body).toEqual({ ...bare, ...fields });
    expect(generate({ format }).body).toEqual({ ...bare, ...fields });
  });
});

describe("tools", () => {
  const none = { type: "object", properties: {} };

  test.each([
    ["absent", { name: "f" }, { name: "f", parameters: none }],
    ["null", { name: "f", parameters: null }, { name: "f", parameters: none }],
    ["empty", { name: "f", parameters: {} }, { name: "f", parameters: none }],
    [
      "given",
      { name: "f", description: "d", parameters: { type: "object" } },
      { name: "f", description: "d", parameters: { type: "object" } },
    ],
  ])("whose parameters are %s", (_, given, sent) => {
    expect(chat({ tools: [{ type: "function", function: given }] }).body).toEqual({
      ...bare,
      tools: [{ type: "function", function: sent }],
    });
  });

  test.each([[], null])("of %j are not sent", (tools) => {
    expect(chat({ tools }).body).toEqual(bare);
  });
});

test.each([
  [{ logprobs: true }, { logprobs: true, top_logprobs: 1 }],
  [
    { logprobs: true, top_logprobs: 5 },
    { logprobs: true, top_logprobs: 5 },
  ],
  [{ logprobs: false, top_logprobs: 5 }, {}],
])("log probabilities: %j is sent as %j", (fields, sent) => {
  expect(chat(fields).body).toEqual({ ...bare, ...sent });
});

test("fields that Ollama does not have are named as ignored", () => {
  const lowered = chat({ temperature: 1, tool_choice: "none", keep_alive: 5 });
  expect(lowered.body).toEqual(bare);
  expect(lowered.ignored).toEqual(["temperature", "tool_choice"]);
});

test("thoughts of earlier turns are not sent, and named as ignored", () => {
  const turn = { role: "assistant", content: "4" };
  const lowered = chat({ messages: [{ ...turn, thinking: "2 and 2" }] });
  expect(lowered).toMatchObject({ body: { messages: [turn] }, ignored: ["messages.thinking"] });
});

describe("a generate request", () => {
  test("is a conversation of system and prompt", () => {
    const lowered = generate({ system: "Be brief", images: ["/9j/AAAA"] });
    expect(lowered.path).toBe("/chat/completions");
    expect(lowered.body).toMatchObject({
      messages: [
        { role: "system", content: "Be brief" },
        {
          role: "user",
          content: [
            { type: "text", text: "Hi" },
            { type: "image_url", image_url: { url: "data:image/jpeg;base64,/9j/AAAA" } },
          ],
        },
      ],
    });
  });

  test("goes on with the conversation of its context; a new system text replaces the old one", () => {
    const context = encodeContext([
      { role: "system", content: "Old" },
      { role: "user", content: "One" },
      { role: "assistant", content: "Two" },
    ]);
    const earlier = [
      { role: "user", content: "One" },
      { role: "assistant", content: "Two" },
    ];
    expect(generate({ context }).body).toMatchObject({
      messages: [{ role: "system", content: "Old" }, ...earlier, ...messages],
    });
    expect(generate({ context, system: "New" }).body).toMatchObject({
      messages: [{ role: "system", content: "New" }, ...earlier, ...messages],
    });
  });

  test.each([
    ["a context of real Ollama's", { context: [1, 2, 3] }, ["context"]],
    ["a template", { template: "{{ .Prompt }}" }, ["template"]],
    ["a suffix for a model that can't insert", { suffix: "end" }, ["suffix"]],
  ])("names %s as ignored", (_, fields, ignored) => {
    expect(generate(fields)).toMatchObject({ path: "/chat/completions", ignored });
    expect(generate(fields).body).toEqual(bare);
  });

  const text = { model: "m", prompt: "Hi", stream: true, stream_options: { include_usage: true } };

  test("that is raw is a text completion of the bare prompt", () => {
    expect(generate({ raw: true, options: { num_predict: 3 } })).toMatchObject({
      path: "/completions",
      ignored: [],
    });
    expect(generate({ raw: true, options: { num_predict: 3 } }).body).toEqual({
      ...text,
      max_tokens: 3,
    });
  });

  test("with a suffix is one too, for a model that inserts", () => {
    expect(generate({ suffix: "end" }, true).body).toEqual({ ...text, suffix: "end" });
  });

  test("as a text completion names what only a conversation can have", () => {
    const lowered = generate({ raw: true, think: true, images: ["/9j/AAAA"] });
    expect(lowered.body).toEqual(text);
    expect(lowered.ignored.toSorted()).toEqual(["images", "think"]);
  });

  test("as a text completion asks for log probabilities by their number", () => {
    expect(generate({ raw: true, logprobs: true, top_logprobs: 3 }).body).toEqual({
      ...text,
      logprobs: 3,
    });
  });
});
