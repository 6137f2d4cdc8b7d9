import { Refused, type Backend, type Fields } from "../backend.ts";
import { errors, unknown } from "../errors.ts";
import {
  as,
  completionFields,
  core,
  efforts,
  formats,
  known,
  logprobs,
  seed,
  stops,
} from "../hearing.ts";
import {
  jsonWord,
  needs,
  noEmptyTools,
  pairedResults,
  refuses,
  schemaIsObject,
  shortCallIds,
  strictSchema,
  textArguments,
} from "../rules.ts";
import { openaiStyle } from "../stream-style.ts";

const chatFields: Fields = {
  ...core,
  ...seed,
  ...logprobs,
  stop: stops(4),
  max_completion_tokens: as("num_predict", 1),
  response_format: formats(["json_object", "json_schema"]),
  parallel_tool_calls: as("parallel"),
  logit_bias: known,
  user: known,
  n: known,
  store: known,
  metadata: known,
};

const list = {
  object: "list",
  data: [{ id: "gpt-4o", object: "model", created: 1_715_367_049, owned_by: "system" }],
};

export const openai: Backend = {
  base: "/v1",
  model: "gpt-4o",
  key: "bearer",
  list,
  routes: {
    "/chat/completions": { kind: "chat", fields: chatFields },
    // Only gpt-3.5-turbo-instruct and its like; a suffix with it.
    "/completions": {
      kind: "completion",
      fields: completionFields(chatFields, { suffix: as("suffix"), best_of: known, echo: known }),
    },
    "/embeddings": {
      kind: "embedding",
      fields: {
        model: known,
        input: known,
        encoding_format: known,
        user: known,
        dimensions: as("dimensions"),
      },
    },
  },
  unknown: unknown.openai,
  error: errors.openai,
  rules: [
    noEmptyTools(),
    needs(
      "parallel_tool_calls",
      "tools",
      "'parallel_tool_calls' is only allowed when 'tools' are specified.",
    ),
    needs("tool_choice", "tools", "'tool_choice' is only allowed when 'tools' are specified."),
    needs(
      "stream_options",
      "stream",
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
    ),
    ({ body }) => {
      if (typeof body["top_logprobs"] === "number" && body["logprobs"] !== true)
        throw new Refused("'top_logprobs' is only allowed when 'logprobs' is set to true.", {
          param: "top_logprobs",
        });
    },
    jsonWord,
    strictSchema,
    schemaIsObject,
    pairedResults,
    shortCallIds,
    textArguments,
  ],
  messages: {
    images: ["image/png", "image/jpeg", "image/webp", "image/gif"],
    audio: "object",
  },
  style: {
    ...openaiStyle,
    chunk: { ...openaiStyle.chunk, service_tier: "default", usage: null, obfuscation: "Qup1BsQ3" },
    firstDelta: { role: "assistant", content: "", refusal: null },
    choice: { logprobs: null },
  },
};

const notForReasoning = ["temperature", "top_p", "presence_penalty", "frequency_penalty"];
const unsupported = ["logprobs", "top_logprobs", "logit_bias", "stop"];

export const openaiReasoning: Backend = {
  ...openai,
  model: "gpt-5.1",
  list: { object: "list", data: [{ ...list.data[0], id: "gpt-5.1" }] },
  unknown: unknown.newerOpenai,
  routes: {
    ...openai.routes,
    "/chat/completions": {
      kind: "chat",
      fields: {
        ...chatFields,
        reasoning_effort: efforts("none", "minimal", "low", "medium", "high"),
      },
    },
    "/completions": {
      kind: "completion",
      fields: completionFields(chatFields, { suffix: known }),
      rules: [
        () => {
          throw new Refused(
            "This is a chat model and not supported in the v1/completions endpoint. Did you mean to use v1/chat/completions?",
            { status: 404, param: "model" },
          );
        },
      ],
    },
  },
  rules: [
    refuses(
      ["max_tokens"],
      (name) =>
        new Refused(
          `Unsupported parameter: '${name}' is not supported with this model. Use 'max_completion_tokens' instead.`,
          { param: name, code: "unsupported_parameter" },
        ),
    ),
    refuses(
      notForReasoning,
      (name) =>
        new Refused(
          `Unsupported value: '${name}' does not support 0.7 with this model. Only the default (1) value is supported.`,
          { param: name, code: "unsupported_value" },
        ),
    ),
    refuses(
      unsupported,
      (name) =>
        new Refused(`Unsupported parameter: '${name}' is not supported with this model.`, {
          param: name,
          code: "unsupported_parameter",
        }),
    ),
    ...openai.rules,
  ],
  thinksByDefault: true,
  shows: () => false,
};

/** A deployment of a model that doesn't reason. */
export const azure: Backend = {
  ...openai,
  base: "/openai/v1",
  key: "api-key",
  style: {
    ...openaiStyle,
    leading: [
      {
        choices: [],
        created: 0,
        id: "",
        model: "",
        object: "",
        prompt_filter_results: [
          {
            prompt_index: 0,
            content_filter_results: { hate: { filtered: false, severity: "safe" } },
          },
        ],
      },
    ],
    trailing: [
      {
        choices: [
          { content_filter_offsets: {}, content_filter_results: {}, finish_reason: null, index: 0 },
        ],
        created: 0,
        id: "",
        model: "",
        object: "",
      },
    ],
  },
};

export const githubModels: Backend = {
  ...openai,
  base: "/inference",
  model: "openai/gpt-4o",
  list: null,
  routes: {
    "/chat/completions": { kind: "chat", fields: chatFields },
    "/embeddings": openai.routes["/embeddings"] ?? { kind: "embedding", fields: {} },
  },
};

/** One of which nothing is known but that it says it is compatible, and strict. */
export const generic: Backend = {
  ...openai,
  model: "some-model",
  list: { ...list, data: [{ id: "some-model" }] },
};
