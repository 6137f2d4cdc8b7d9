import { describe, expect, test } from "vitest";
import type { Dialect } from "../../../src/dialects/dialect.ts";
import { genericLocal } from "../../../src/dialects/generic-local.ts";
import { generic } from "../../../src/dialects/generic.ts";
import { parseErrorBody } from "../../../src/openai/error-body.ts";
import { learnFrom } from "../../../src/upstream/learn.ts";
import type { Attempt } from "../../../src/upstream/lesson.ts";

const body = {
  model: "m",
  messages: [{ role: "user", content: "Hi" }],
  temperature: 0.7,
  top_p: 0.9,
  top_k: 40,
  min_p: 0.1,
  stop: ["a"],
  max_tokens: 8192,
  presence_penalty: 1,
  stream: true,
  stream_options: { include_usage: true },
};

function learn(status: number, refusal: unknown, more: Partial<Attempt> = {}) {
  const said = parseErrorBody(typeof refusal === "string" ? refusal : JSON.stringify(refusal));
  return learnFrom(
    { ...said, status },
    {
      path: "/chat/completions",
      body,
      dialect: genericLocal,
      think: undefined,
      format: undefined,
      ...more,
    },
  );
}

/** The fields that a dialect would still send, after the lesson. */
function optionsAfter(lesson: ReturnType<typeof learn>): string[] {
  return Object.values(lesson?.overrides.options ?? {}).flat();
}

const openai = (message: string, more: object = {}) => ({
  error: { message, type: "invalid_request_error", param: null, code: null, ...more },
});

describe("a sampler that a backend refuses is left out", () => {
  test.each([
    [400, openai("Unrecognized request argument supplied: top_k"), ["top_k"]],
    [
      400,
      openai("Unknown parameter: 'top_k'.", { param: "top_k", code: "unknown_parameter" }),
      ["top_k"],
    ],
    [400, { error: { message: "property 'top_k' is unsupported" } }, ["top_k"]],
    [
      422,
      {
        detail: [
          {
            type: "extra_forbidden",
            loc: ["body", "top_k"],
            msg: "Extra inputs are not permitted",
          },
        ],
      },
      ["top_k"],
    ],
    [
      400,
      openai(
        "body.min_p: property 'body.min_p' is unsupported\nbody.top_k: property 'body.top_k' is unsupported",
        {
          param: "validation_error",
        },
      ),
      ["min_p", "top_k"],
    ],
    [
      400,
      [
        {
          error: {
            code: 400,
            message: 'Invalid JSON payload received. Unknown name "top_k": Cannot find field.',
            status: "INVALID_ARGUMENT",
          },
        },
      ],
      ["top_k"],
    ],
    [400, { error: { message: "Extra inputs are not permitted, field: 'top_k'" } }, ["top_k"]],
    [400, { error: "Extra inputs are not permitted, field: 'top_k', value: 40" }, ["top_k"]],
    [
      400,
      {
        type: "urn:inference-service:problem-details:bad-request",
        title: "Bad Request",
        status: 400,
        detail:
          "[{'type': 'extra_forbidden', 'loc': ('body', 'top_k'), 'msg': 'Extra inputs are not permitted'}]",
      },
      ["top_k"],
    ],
    [
      400,
      {
        code: "Client specified an invalid argument",
        error: "Argument not supported on this model: presencePenalty",
      },
      ["presence_penalty"],
    ],
  ])("%i %j", (status, refusal, dropped) => {
    const lesson = learn(status, refusal);
    expect(lesson?.what).toContain(dropped[0]);
    const left = optionsAfter(lesson);
    expect(left).toContain("top_p");
    for (const name of dropped) expect(left).not.toContain(name);
  });

  test("and all sampling, where a model takes none", () => {
    const message =
      "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is supported.";
    const left = optionsAfter(
      learn(400, openai(message, { param: "temperature", code: "unsupported_value" })),
    );
    expect(left).toContain("max_tokens");
    expect(left).not.toContain("temperature");
    expect(left).not.toContain("top_p");
  });
});

describe("the output limit", () => {
  const renamed =
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";

  test("is renamed", () => {
    const lesson = learn(
      400,
      openai(renamed, { param: "max_tokens", code: "unsupported_parameter" }),
    );
    expect(lesson?.overrides.options?.num_predict).toEqual(["max_completion_tokens"]);
  });

  test.each([
    "max_tokens is too large: 8192. This model supports at most 1024 completion tokens",
    "Input should be less than or equal to 1024 (max_tokens)",
    "`max_tokens` must be <= 1024",
  ])("is moved into range: %s", (message) => {
    expect(learn(400, openai(message))?.overrides.ranges).toEqual({ max_tokens: [1, 1024] });
  });
});

describe("what can be said in another way is", () => {
  const withFormat = (format: "json" | "schema", dialect: Dialect = generic) => ({
    format,
    dialect,
  });

  test("a schema by a JSON object, then by words", () => {
    const message =
      "Invalid schema for response_format 'response': In context=(), 'additionalProperties' is required";
    const first = learn(400, openai(message, { param: "response_format" }), withFormat("schema"));
    expect(first?.overrides.schema).toEqual(["json_object", "prompt"]);
    const second = learn(
      400,
      { error: "'response_format.type' must be 'json_schema' or 'text'" },
      withFormat("json"),
    );
    expect(second?.overrides.json).toEqual(["prompt"]);
    const last = { ...generic, json: ["prompt"] as const };
    expect(learn(400, openai("no response_format"), withFormat("json", last))).toBeUndefined();
  });

  test("the word that must be there beside a JSON object", () => {
    const message =
      "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.";
    expect(learn(400, openai(message), withFormat("json"))?.overrides).toEqual({ json_word: true });
  });

  test.each([
    ["stream_options", { stream_usage: false }],
    ["logprobs", { logprobs: "none" }],
    ["parallel_tool_calls", { parallel_tool_calls: false }],
  ])("%s", (field, overrides) => {
    const sent = { ...body, [field]: true };
    expect(
      learn(400, openai(`Unrecognized request argument supplied: ${field}`), { body: sent })
        ?.overrides,
    ).toEqual(overrides);
  });

  test("thinking", () => {
    const asked = {
      body: { ...body, reasoning_effort: "low" },
      dialect: generic,
      think: "low",
    } as const;
    const field = learn(
      400,
      openai("Unrecognized request argument supplied: reasoning_effort"),
      asked,
    );
    expect(field?.overrides.think).toEqual({});
    const value = learn(
      400,
      openai("Unsupported value: 'reasoning_effort' does not support 'low' with this model."),
      asked,
    );
    expect(Object.keys(value?.overrides.think ?? {})).toEqual(["medium", "high", "max"]);
  });

  test("thoughts in the history", () => {
    const messages = [{ role: "assistant", content: "", reasoning_content: "hm" }];
    const refused = {
      error: {
        message:
          "'messages.2' : for 'role:assistant' the following must be satisfied[('messages.2' : property 'reasoning_content' is unsupported)]",
      },
    };
    const dialect = { ...generic, thoughts: "reasoning_content" as const };
    expect(learn(400, refused, { body: { ...body, messages }, dialect })?.overrides).toEqual({
      thoughts: "drop",
    });
    const asked = openai(
      "The `reasoning_content` in the thinking mode must be passed back to the API.",
    );
    expect(learn(400, asked, { dialect: generic })?.overrides).toEqual({
      thoughts: "required_reasoning_content",
    });
  });

  test.each([
    ["System role not supported", { system_role: false }],
    [
      "Conversation roles must alternate user/assistant/user/assistant/...",
      { alternating_roles: true },
    ],
    [
      "After the (optional) system message(s), user and assistant roles should be alternating.",
      { alternating_roles: true },
    ],
  ])("%s", (message, overrides) => {
    expect(learn(400, openai(message))?.overrides).toEqual(overrides);
  });

  test("stop texts: fewer, or none", () => {
    expect(learn(400, openai("'stop' is not supported with this model."))?.overrides).toEqual({
      max_stops: 0,
    });
    expect(
      learn(400, openai("Invalid 'stop': array too long, at most 4", { param: "stop" }))?.overrides,
    ).toEqual({
      max_stops: 4,
    });
  });

  test.each([400, 404, 501])("a suffix, where its route is not there (%i)", (status) => {
    const dialect = { ...generic, insert: { path: "origin:/infill", shape: "infill" as const } };
    const attempt = { path: "origin:/infill", body: { input_suffix: "x" }, dialect };
    const lesson = learn(status, openai("Not Found"), attempt);
    expect(lesson?.overrides.insert).toEqual(
      status === 400 ? undefined : { path: "/completions", shape: "tokens" },
    );
  });
});

describe("nothing is learned", () => {
  test.each([
    [401, openai("Unrecognized request argument supplied: top_k")],
    [404, openai("Unrecognized request argument supplied: top_k")],
    [429, openai("property 'top_k' is unsupported")],
    [500, openai("property 'top_k' is unsupported")],
    [400, openai("top_k: This model's maximum context length is 4096 tokens")],
    [400, openai("The model `top_k` does not exist")],
    [400, openai("x does not support tools, nor top_k", { param: "tools" })],
    [400, openai("Invalid 'messages[0].content'", { param: "messages" })],
    [400, openai("image input is not supported", { param: "messages[0].content[1].image_url" })],
    [400, openai("Unknown parameter: 'logit_bias'", { param: "logit_bias" })],
    [400, openai("Something is wrong")],
    [400, ""],
    [400, "<html>"],
  ])("from %i %j", (status, refusal) => {
    expect(learn(status, refusal)).toBeUndefined();
  });

  test("twice: what is no longer sent can't be refused", () => {
    const refusal = openai("Unrecognized request argument supplied: top_k");
    const first = learn(400, refusal);
    const dialect = { ...genericLocal, ...first?.overrides };
    const { top_k: _, ...without } = body;
    expect(learn(400, refusal, { dialect, body: without })).toBeUndefined();
    expect(learn(400, refusal, { dialect })).toBeUndefined();
  });
});

describe("what is refused is", () => {
  test.each([
    [
      "Invalid 'temperature': decimal above maximum value. Expected a value <= 2",
      { temperature: 5 },
      "temperature",
      2,
    ],
    [
      "max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens",
      { max_tokens: 100_000 },
      "max_tokens",
      8192,
    ],
    [
      "`max_tokens` must be less than or equal to `8192`, the maximum value for `max_tokens` is less than the `context_window` for this model",
      { max_tokens: 9000 },
      "max_tokens",
      8192,
    ],
  ])("a value, which is moved into its range: %s", (message, sent, field, most) => {
    const lesson = learn(400, openai(message), { body: { ...body, ...sent } });
    expect(lesson?.overrides.ranges?.[field]?.[1]).toBe(most);
    expect(Object.keys(lesson?.overrides ?? {})).toEqual(["ranges"]);
  });

  test("a value that is too small alike", () => {
    const message = "Invalid 'max_tokens': integer below minimum value. Expected a value >= 16";
    const lesson = learn(400, openai(message), { body: { ...body, max_tokens: 1 } });
    expect(lesson?.overrides.ranges?.["max_tokens"]?.[0]).toBe(16);
  });

  test.each([
    openai("Invalid 'seed': must be a whole number", { param: "temperature" }),
    openai("Unrecognized request argument supplied: max_tokens"),
    openai("Invalid schema for function 'f': None is not of type 'object'", {
      param: "tools[0].function.parameters",
      code: "invalid_function_parameters",
    }),
  ])("passed on where no other words are right: %j", (refusal) => {
    expect(learn(400, refusal, { format: "schema", dialect: generic })).toBeUndefined();
  });

  test("a schema, which says nothing of the next one", () => {
    const message =
      "Invalid schema for response_format 'response': 'patternProperties' is not permitted.";
    const lesson = learn(400, openai(message), { format: "schema", dialect: generic });
    expect(lesson).toMatchObject({ overrides: { schema: ["json_object", "prompt"] }, once: true });
  });

  test("a combination, which says nothing of the field alone", () => {
    const sent = { ...body, tools: [{}], logprobs: true };
    const lesson = learn(400, openai("logprobs is not supported with tools + stream"), {
      body: sent,
    });
    expect(lesson).toMatchObject({ overrides: { logprobs: "none" }, once: true });
  });

  test.each([
    [404, openai("This is a chat model and not supported in the v1/completions endpoint.")],
    [404, "Not Found"],
    [405, "Method Not Allowed"],
    [400, openai("The completion operation does not work with the specified model, m.")],
  ])("a route that takes no bare text: %i %j", (status, refusal) => {
    const bare = { path: "/completions", body: { prompt: "x" }, dialect: generic };
    expect(learn(status, refusal, bare)).toMatchObject({ overrides: { completions: null } });
    expect(learn(404, openai("The model `m` does not exist."), bare)).toBeUndefined();
    expect(learn(status, refusal)).toBeUndefined();
  });

  test("an unknown model, which teaches nothing of its route", () => {
    const insert = { path: "/completions", shape: "suffix" as const };
    const attempt = {
      path: "/completions",
      body: { suffix: "x" },
      dialect: { ...generic, insert },
    };
    expect(learn(404, openai("The model `m` does not exist."), attempt)).toBeUndefined();
  });
});
