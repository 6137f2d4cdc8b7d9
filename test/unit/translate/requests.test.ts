import { describe, expect, test } from "vitest";
import { genericLocal } from "../../../src/dialects/generic-local.ts";
import { generic } from "../../../src/dialects/generic.ts";
import { llamacpp } from "../../../src/dialects/llamacpp.ts";
import { parseChatRequest, parseGenerateRequest } from "../../../src/ollama/requests.ts";
import { encodeContext } from "../../../src/translate/context.ts";
import type { Dialect } from "../../../src/dialects/dialect.ts";
import type { Backend } from "../../../src/translate/backend.ts";
import { toChatCompletionRequest } from "../../../src/translate/chat-request.ts";
import { toGenerateRequest, toMessages } from "../../../src/translate/generate-request.ts";

const messages = [{ role: "user", content: "Hi" }];

const dates = { currentDate: "2026-03-01", yesterdayDate: "2026-02-28" };

function backend(dialect: Dialect, more: Partial<Backend> = {}): Backend {
  return { model: "m", dialect, contextLength: undefined, imageUrls: false, ...more };
}

function chat(fields: object, dialect: Dialect = generic, more: Partial<Backend> = {}) {
  const request = parseChatRequest({ model: "x", messages, ...fields });
  return toChatCompletionRequest(
    { request, messages: request.messages, tools: request.tools, ignored: [] },
    backend(dialect, more),
  );
}

function generate(fields: object, dialect: Dialect = generic, more: Partial<Backend> = {}) {
  const request = parseGenerateRequest({ model: "x", prompt: "Hi", ...fields });
  return toGenerateRequest(request, toMessages(request), backend(dialect, more), dates);
}

const bare = { model: "m", messages, stream: true, stream_options: { include_usage: true } };

test("a bare chat has the backend's model id, the messages, and asks for a stream with usage", () => {
  expect(chat({})).toEqual({
    path: "/chat/completions",
    body: bare,
    ignored: [],
    promptEstimate: 1,
    decoding: { topLogprobs: 0, thinkTags: "leading", repeatsAnswer: false, stops: [] },
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
    ["max", { reasoning_effort: "high" }, [], { ...switched(true), reasoning_effort: "high" }],
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

  const asks = (format: "json" | typeof schema, dialect: Dialect) => {
    const { body, ignored } = chat({ format }, dialect);
    const { response_format, json_schema, messages: told } = body;
    return { response_format, json_schema, told: JSON.stringify(told), ignored };
  };

  test.each([
    ["json_object_schema", schema, { response_format: { type: "json_object", schema } }],
    ["json_object_schema", "json", { response_format: { type: "json_object" } }],
    ["json_value", schema, { response_format: { type: "json", value: schema } }],
    ["top_level_schema", schema, { json_schema: schema }],
    [
      "json_schema",
      "json",
      {
        response_format: {
          type: "json_schema",
          json_schema: { name: "response", schema: { type: "object" } },
        },
      },
    ],
  ] as const)("by %s", (step, format, fields) => {
    expect(asks(format, { ...generic, json: [step], schema: [step] })).toMatchObject({
      ...fields,
      ignored: [],
    });
  });

  test("that can't be enforced is asked for in the prompt, and named", () => {
    const prompted = asks(schema, { ...generic, schema: ["prompt"] });
    expect(prompted).toMatchObject({ response_format: undefined, ignored: ["format"] });
    expect(prompted.told).toContain(JSON.stringify(JSON.stringify(schema)).slice(1, -1));
    const loose = asks(schema, { ...generic, schema: ["json_object"] });
    expect(loose.response_format).toEqual({ type: "json_object" });
    expect(loose).toMatchObject({ ignored: ["format"] });
    expect(loose.told).toContain("JSON schema");
  });

  test("has the word JSON in the prompt where a backend insists on it", () => {
    const worded = { ...generic, json_word: true };
    expect(asks("json", worded).told).toContain("JSON");
    const already = chat(
      { format: "json", messages: [{ role: "user", content: "as json" }] },
      worded,
    );
    expect(already.body["messages"]).toHaveLength(1);
  });

  test.each([
    [{ type: "object", properties: { a: {} }, required: ["a"], additionalProperties: false }, true],
    [{ type: "object", properties: { a: {} }, additionalProperties: false }, undefined],
    [{ type: "object", properties: { a: {} }, required: ["a"] }, undefined],
    [schema, undefined],
  ])("is marked strict only if the schema follows the rules: %j", (given, strict) => {
    const { body } = chat({ format: given }, { ...generic, strict_schema: true });
    expect(body).toMatchObject({
      response_format: { json_schema: { name: "response", schema: given } },
    });
    expect(
      (body as { response_format: { json_schema: object } }).response_format.json_schema,
    ).toHaveProperty("name");
    expect(
      (body as { response_format: { json_schema: { strict?: boolean } } }).response_format
        .json_schema.strict,
    ).toBe(strict);
  });
});

describe("the texts that stop an answer", () => {
  const stop = ["a", "b", "c", "d", "e"];

  test.each([
    [4, stop.slice(0, 4), ["e"]],
    [0, undefined, stop],
    [9, stop, []],
  ])(
    "are sent as far as the backend takes them (%i), and watched for beyond",
    (max_stops, sent, watched) => {
      const lowered = chat({ options: { stop } }, { ...generic, max_stops });
      expect(lowered.body["stop"]).toEqual(sent);
      expect(lowered.decoding.stops).toEqual(watched);
      expect(lowered.ignored).toEqual([]);
    },
  );
});

test("an option beyond the backend's range is moved into it, and named", () => {
  const capped: Dialect = { ...generic, ranges: { temperature: [0, 1] } };
  expect(chat({ options: { temperature: 1.5 } }, capped)).toMatchObject({
    body: { temperature: 1 },
    ignored: ["options.temperature"],
  });
  expect(chat({ options: { temperature: 0.5 } }, capped)).toMatchObject({
    body: { temperature: 0.5 },
    ignored: [],
  });
});

describe("a last message of the assistant", () => {
  const begun = [...messages, { role: "assistant", content: "Well" }];
  const prefill = {
    request: { continue_final_message: true },
    message: { prefix: true },
    echoed: true,
    path: null,
  };

  test("is continued where the backend can", () => {
    const lowered = chat({ messages: begun }, { ...generic, prefill });
    expect(lowered).toMatchObject({
      body: {
        continue_final_message: true,
        messages: [...messages, { role: "assistant", content: "Well", prefix: true }],
      },
      ignored: [],
      decoding: { echo: "Well" },
    });
  });

  test("is sent and named where it can't", () => {
    expect(chat({ messages: begun })).toMatchObject({
      body: { messages: begun },
      ignored: ["messages.prefill"],
    });
  });

  test("names think, where continuing needs the switch otherwise", () => {
    const off = { chat_template_kwargs: { enable_thinking: false } };
    const dialect = { ...genericLocal, prefill: { ...prefill, request: off } };
    expect(chat({ messages: begun, think: true }, dialect)).toMatchObject({
      body: off,
      ignored: ["think"],
    });
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
  const lowered = chat({ messages: [{ ...turn, thinking: "2 and 2" }, ...messages] });
  expect(lowered).toMatchObject({
    body: { messages: [turn, ...messages] },
    ignored: ["messages.thinking"],
  });
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

  test("names a context of real Ollama's as ignored", () => {
    expect(generate({ context: [1, 2, 3] }).ignored).toEqual(["context"]);
    expect(generate({ context: [1, 2, 3] }).body).toEqual(bare);
  });

  const text = {
    model: "m",
    prompt: "Hi",
    max_tokens: 4096,
    stream: true,
    stream_options: { include_usage: true },
  };

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

  test("has an explicit limit as a text completion, since backends stop after 16 tokens", () => {
    expect(generate({ raw: true }).body).toEqual(text);
    expect(generate({ raw: true }, generic, { contextLength: 1000 }).body).toEqual({
      ...text,
      max_tokens: 998,
    });
  });

  test("with a template is the text it makes", () => {
    const lowered = generate({ template: "<s>{{ .System }}|{{ .Prompt }}", system: "Be brief" });
    expect(lowered).toMatchObject({ path: "/completions", ignored: [] });
    expect(lowered.body).toEqual({ ...text, prompt: "<s>Be brief|Hi" });
    expect(lowered.decoding.thinkTags).toBe("leading");
  });

  test("with a template waits for an unopened tag only where thoughts were asked for", () => {
    const unopened: Dialect = { ...generic, think_tags: "unopened" };
    const tags = (fields: object) =>
      generate({ template: "{{ .Prompt }}", ...fields }, unopened).decoding.thinkTags;
    expect([tags({}), tags({ think: false }), tags({ think: true })]).toEqual([
      "leading",
      "leading",
      "unopened",
    ]);
  });

  test.each([
    ["raw", { raw: true }, "raw completion is not supported by this backend"],
    [
      "with a template",
      { template: "{{ .Prompt }}" },
      "a template is not supported by this backend",
    ],
  ])("%s is refused where bare text can't be completed", (_, fields, message) => {
    const chatOnly = { ...generic, completions: null };
    expect(() => generate(fields, chatOnly)).toThrow(
      expect.objectContaining({ message, status: 400 }),
    );
  });

  describe("with a suffix", () => {
    const insert = (path: string, shape: "suffix" | "infill" | "tokens") => ({
      ...generic,
      insert: { path, shape },
    });

    test("has it as a field", () => {
      expect(generate({ suffix: "end" }).body).toEqual({ ...text, suffix: "end" });
      expect(generate({ suffix: "end" }, insert("/fim/completions", "suffix")).path).toBe(
        "/fim/completions",
      );
    });

    test("goes to llama.cpp's own route in its own words", () => {
      const lowered = generate(
        { suffix: "end", options: { num_predict: 9 } },
        insert("origin:/infill", "infill"),
      );
      expect(lowered.path).toBe("origin:/infill");
      expect(lowered.body).toEqual({
        model: "m",
        input_prefix: "Hi",
        input_suffix: "end",
        n_predict: 9,
        stream: true,
      });
    });

    const schema = { type: "object", properties: { a: { type: "string" } } };

    test.each([
      [{ logprobs: true }, { n_probs: 1 }],
      [{ logprobs: true, top_logprobs: 5 }, { n_probs: 5 }],
      [{ format: schema }, { json_schema: schema }],
      [{ format: "json" }, { json_schema: { type: "object" } }],
      [
        { options: { temperature: 0, top_k: 5, num_keep: 7, stop: ["a"] } },
        { temperature: 0, top_k: 5, n_keep: 7, stop: ["a"] },
      ],
    ])("and there %j is %j", (fields, sent) => {
      const lowered = generate({ suffix: "end", ...fields }, llamacpp);
      expect(lowered.ignored).toEqual([]);
      expect(lowered.body).toEqual({
        model: "m",
        input_prefix: "Hi",
        input_suffix: "end",
        ...sent,
        stream: true,
      });
    });

    test.each([[["prompt"]], [[]]] as const)(
      "and there a format that the dialect can't enforce (by %j) is named",
      (ways) => {
        const refusing = { ...llamacpp, json: ways, schema: ways };
        for (const format of ["json", schema]) {
          const lowered = generate({ suffix: "end", format }, refusing);
          expect(lowered.ignored).toEqual(["format"]);
          expect(lowered.body).not.toHaveProperty("json_schema");
        }
      },
    );

    test.each([
      ["qwen2.5-coder:7b", "<|fim_prefix|>Hi<|fim_suffix|>end<|fim_middle|>"],
      ["bigcode/starcoder2-3b", "<fim_prefix>Hi<fim_suffix>end<fim_middle>"],
      ["codellama-13b", "<PRE> Hi <SUF>end <MID>"],
      ["deepseek-coder-6.7b", "<｜fim▁begin｜>Hi<｜fim▁hole｜>end<｜fim▁end｜>"],
      ["codestral-latest", "[SUFFIX]end[PREFIX]Hi"],
    ])("is a prompt of the tokens that %s was trained with", (model, prompt) => {
      const tokens = insert("/completions", "tokens");
      expect(generate({ suffix: "end" }, tokens, { model }).body).toMatchObject({ prompt });
    });

    test.each([
      ["of no known family", insert("/completions", "tokens")],
      ["of a backend that can't", { ...generic, insert: null }],
    ])("is refused in Ollama's words for a model %s", (_, dialect) => {
      const message = "registry.ollama.ai/library/m:latest does not support insert";
      expect(() => generate({ suffix: "end" }, dialect)).toThrow(
        expect.objectContaining({ message, status: 400 }),
      );
    });
  });

  const own = encodeContext([{ role: "user", content: "One" }]);
  const foreign = [1, 2, 3];
  const gapOrSystem = "{{ if .Suffix }}{{ .Prompt }}|{{ .Suffix }}{{ else }}{{ .System }}{{ end }}";
  const gap = "{{ .Prompt }}|{{ if .Suffix }}{{ .Suffix }}{{ end }}";

  test.each<[string, object, readonly string[], string]>([
    ["raw", { raw: true, think: false }, ["think"], "Hi"],
    ["a suffix", { suffix: "end", system: "s", think: "low" }, ["system", "think"], "Hi"],
    ["a suffix and a context", { suffix: "end", context: own }, ["context"], "Hi"],
    ["a template of all", { template: "{{ .System }}{{ .Prompt }}", system: "s" }, [], "sHi"],
    ["a template and a foreign context", { template: gap, context: foreign }, ["context"], "Hi|"],
    ["a template without a system text", { template: gap, system: "s" }, ["system"], "Hi|"],
    ["a template without thinking", { template: gap, think: true }, ["think"], "Hi|"],
    [
      "a template with thinking",
      { template: "{{ .Prompt }}{{ .Think }}", think: true },
      [],
      "Hitrue",
    ],
    ["a template without a suffix", { template: "{{ .Prompt }}", suffix: "e" }, ["suffix"], "Hi"],
    [
      "a template that fills a gap",
      { template: gapOrSystem, suffix: "end", system: "s", context: own },
      ["system", "context"],
      "Hi|end",
    ],
    [
      "a template and a gap without a beginning",
      { template: gapOrSystem, prompt: "", suffix: "end", system: "s", context: foreign },
      ["context", "suffix"],
      "s",
    ],
  ])("as a text completion names what it has no place for: %s", (_, fields, ignored, prompt) => {
    const lowered = generate(fields);
    expect(lowered.ignored).toEqual(ignored);
    expect(lowered.body["prompt"]).toBe(prompt);
  });

  test.each([{ raw: true }, { template: "{{ .Prompt }}" }, { suffix: "end" }])(
    "as a text completion has no place for images, and is refused: %j",
    (fields) => {
      expect(() => generate({ ...fields, images: ["/9j/AAAA"] })).toThrow(
        expect.objectContaining({
          message: "raw, template and suffix do not support images",
          code: "invalid_request",
          status: 400,
        }),
      );
    },
  );

  test("as a text completion asks for log probabilities by their number", () => {
    expect(generate({ raw: true, logprobs: true, top_logprobs: 3 }).body).toEqual({
      ...text,
      logprobs: 3,
    });
  });
});
