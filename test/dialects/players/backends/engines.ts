import { Refused, type Backend, type Fields, type Rule } from "../backend.ts";
import { errors, unknown } from "../errors.ts";
import {
  as,
  completionFields,
  core,
  efforts,
  formats,
  known,
  limit,
  logprobs,
  seed,
  stops,
  templateVariables,
} from "../hearing.ts";
import { endsWith, lastIsAssistant, needs, noEmptyContent, noEmptyTools } from "../rules.ts";
import { openaiStyle, thoughtsBetween, thoughtsIn } from "../stream-style.ts";

const pictures = ["image/png", "image/jpeg", "image/webp", "image/gif"];
const embeddingFields: Fields = { model: known, input: known, encoding_format: known };

const gpuFields: Fields = {
  ...core,
  ...seed,
  ...logprobs,
  max_completion_tokens: limit(),
  top_k: as("top_k"),
  min_p: as("min_p"),
  repetition_penalty: as("repeat_penalty"),
  response_format: formats(["json_object", "json_schema"]),
  chat_template_kwargs: templateVariables,
  reasoning_effort: efforts("none", "minimal", "low", "medium", "high", "xhigh", "max"),
  continue_final_message: as("continue"),
  add_generation_prompt: as("newTurn"),
  parallel_tool_calls: known,
};

/** The last message is continued when that is asked for and no new turn is. */
const continuesFinal: Rule = ({ fields }) => {
  if (fields["continue"] === true && fields["newTurn"] !== false) {
    throw new Refused(
      "Cannot set both `continue_final_message` and `add_generation_prompt` to True.",
    );
  }
};

const gpuRules: readonly Rule[] = [
  noEmptyTools("Value error, `tools` must not be an empty array."),
  needs("tool_choice", "tools", "When using `tool_choice`, `tools` must be set."),
  needs("stream_options", "stream", "Stream options can only be defined when `stream=True`."),
  ({ route, body }) => {
    if (route === "chat" && body["top_logprobs"] !== undefined && body["logprobs"] !== true)
      throw new Refused("when using `top_logprobs`, `logprobs` must be set to true.");
  },
];

export const vllm: Backend = {
  base: "/v1",
  model: "Qwen/Qwen2.5-Coder-7B",
  list: {
    object: "list",
    data: [
      {
        id: "Qwen/Qwen2.5-Coder-7B",
        object: "model",
        created: 1_750_000_000,
        owned_by: "vllm",
        root: "Qwen/Qwen2.5-Coder-7B",
        parent: null,
        max_model_len: 40_960,
        permission: [{ id: "modelperm-1", object: "model_permission" }],
      },
    ],
  },
  probes: { "/version": { version: "0.11.0" } },
  routes: {
    "/chat/completions": { kind: "chat", fields: gpuFields, rules: [continuesFinal] },
    "/completions": {
      kind: "completion",
      fields: completionFields(gpuFields, {
        suffix: () => {
          throw new Refused("suffix is not currently supported", { param: "suffix" });
        },
        response_format: formats(["json_object", "json_schema"]),
      }),
    },
    "/embeddings": {
      kind: "embedding",
      fields: {
        ...embeddingFields,
        dimensions: () => {
          throw new Refused(
            'Model "Qwen/Qwen2.5-Coder-7B" does not support matryoshka representation, changing output dimensions will lead to poor results.',
          );
        },
      },
    },
  },
  error: errors.vllm,
  rules: gpuRules,
  messages: {
    thoughts: ["reasoning_content", "reasoning"],
    images: pictures,
    audio: "object",
  },
  continues: ({ fields }) => fields["continue"] === true,
  shortByDefault: ["completion"],
  thinksByDefault: true,
  style: { ...openaiStyle, choice: { logprobs: null }, thoughts: thoughtsIn("reasoning") },
};

const silent = { role: null, content: null, reasoning_content: null, tool_calls: null };

export const sglang: Backend = {
  ...vllm,
  list: {
    object: "list",
    data: [
      {
        id: vllm.model,
        object: "model",
        created: 1_750_000_000,
        owned_by: "sglang",
        root: vllm.model,
        max_model_len: 131_072,
      },
    ],
  },
  probes: { "/get_model_info": { model_path: vllm.model, is_generation: true } },
  routes: {
    "/chat/completions": { kind: "chat", fields: gpuFields, rules: [continuesFinal] },
    // It knows a suffix only where the server was started with a template for it.
    "/completions": { kind: "completion", fields: completionFields(gpuFields, { suffix: known }) },
    "/embeddings": { kind: "embedding", fields: { ...embeddingFields, dimensions: known } },
  },
  error: errors.sglang,
  messages: { ...vllm.messages, audio: "refused" },
  style: {
    ...openaiStyle,
    chunk: { ...openaiStyle.chunk, usage: null },
    choice: { logprobs: null, matched_stop: null },
    firstDelta: { ...silent, role: "assistant", content: "" },
    delta: silent,
    thoughts: thoughtsIn("reasoning_content"),
    figures: (figures) => ({
      ...openaiStyle.figures(figures),
      prompt_tokens_details: null,
      reasoning_tokens: figures.thoughts,
    }),
  },
};

const tgiFields: Fields = {
  ...core,
  ...seed,
  ...logprobs,
  stop: stops(4, 422, "`stop` supports up to 4 stop sequences. Given: 6"),
  response_format: formats(
    ["json_value", "json_schema"],
    "Failed to deserialize the JSON body into the target type: response_format: missing field `value`",
    422,
  ),
};

export const tgi: Backend = {
  base: "/v1",
  model: "Qwen/Qwen2.5-Coder-7B",
  list: {
    object: "list",
    data: [{ id: "Qwen/Qwen2.5-Coder-7B", object: "model", created: 0, owned_by: "Qwen" }],
  },
  probes: {
    "/info": { model_id: "Qwen/Qwen2.5-Coder-7B", max_total_tokens: 4096, version: "3.3.0" },
  },
  routes: {
    "/chat/completions": { kind: "chat", fields: tgiFields },
    "/completions": { kind: "completion", fields: completionFields(tgiFields) },
  },
  error: errors.tgi,
  rules: [],
  messages: { images: pictures, audio: "refused" },
  shortByDefault: ["chat", "completion"],
  style: {
    ...openaiStyle,
    event: (data) => `data:${data}\n\n`,
    closing: "data:[DONE]\n\n",
    chunk: { ...openaiStyle.chunk, id: "" },
    delta: { role: "assistant" },
    thoughts: thoughtsBetween("<think>", "</think>"),
    calls: (calls) =>
      calls.flatMap(({ name, arguments: json }, index) => [
        call(index, { name, arguments: json.slice(0, 4) }),
        call(index, { name: null, arguments: json.slice(4) }),
      ]),
    finishReasons: { stop: "stop", length: "length", tool_calls: "stop" },
  },
};

/** Ids that say only where the call stands. */
function call(index: number, called: object) {
  return { tool_calls: [{ index, id: String(index), type: "function", function: called }] };
}

const nimFields: Fields = {
  ...core,
  ...seed,
  ...logprobs,
  response_format: formats(["json_schema"]),
  guided_json: as("format"),
  nvext: known,
  parallel_tool_calls: known,
  chat_template_kwargs: templateVariables,
};

export const nim: Backend = {
  base: "/v1",
  model: "qwen/qwen2.5-coder-7b-instruct",
  list: {
    object: "list",
    data: [
      {
        id: "qwen/qwen2.5-coder-7b-instruct",
        object: "model",
        created: 735_790_403,
        owned_by: "qwen",
      },
    ],
  },
  probes: { "/v1/health/ready": { object: "health.response", message: "Service is ready." } },
  routes: {
    "/chat/completions": { kind: "chat", fields: nimFields },
    "/completions": { kind: "completion", fields: completionFields(nimFields) },
    "/embeddings": {
      kind: "embedding",
      fields: { ...embeddingFields, input_type: as("input_type"), truncate: known },
      rules: [
        ({ fields }) => {
          if (!["query", "passage"].includes(String(fields["input_type"])))
            throw new Refused("'input_type' parameter is required for asymmetric models");
        },
      ],
    },
  },
  unknown: unknown.nim,
  error: errors.nim,
  rules: [
    noEmptyContent,
    noEmptyTools(),
    endsWith(
      ["user", "tool"],
      () => new Refused("The last message in the messages list must be from the user"),
    ),
  ],
  messages: {
    only: ["role", "content", "tool_calls", "tool_call_id", "name"],
    images: pictures,
    audio: "refused",
    refusal: (part) =>
      new Refused(
        `[{'type': 'extra_forbidden', 'loc': ('body', '${part}'), 'msg': 'Extra inputs are not permitted'}]`,
      ),
  },
  thinksByDefault: true,
  style: { ...openaiStyle, usage: "finish", thoughts: thoughtsIn("reasoning_content") },
};

const ollamaFields: Fields = {
  ...core,
  ...seed,
  ...logprobs,
  response_format: formats(["json_object", "json_schema"]),
  reasoning_effort: efforts("none", "minimal", "low", "medium", "high", "xhigh", "ultra", "max"),
  reasoning: (value, name) =>
    efforts("none", "low", "medium", "high", "max")((value as { effort?: unknown }).effort, name),
};

export const ollama: Backend = {
  base: "/v1",
  model: "qwen2.5-coder:7b",
  list: {
    object: "list",
    data: [
      { id: "qwen2.5-coder:7b", object: "model", created: 1_750_000_000, owned_by: "library" },
    ],
  },
  probes: {
    "/api/version": { version: "0.34.4" },
    "/api/tags": {
      models: [{ name: "qwen2.5-coder:7b", model: "qwen2.5-coder:7b", digest: "dae161e27b0e" }],
    },
  },
  routes: {
    "/chat/completions": { kind: "chat", fields: ollamaFields },
    "/completions": {
      kind: "completion",
      fields: completionFields(ollamaFields, { suffix: as("suffix") }),
    },
    "/embeddings": {
      kind: "embedding",
      fields: { ...embeddingFields, dimensions: as("dimensions") },
    },
  },
  error: errors.openai,
  rules: [],
  messages: {
    thoughts: ["reasoning"],
    images: ["image/png", "image/jpeg", "image/jpg", "image/webp"],
    audio: "object",
  },
  continues: lastIsAssistant,
  thinksByDefault: true,
  style: {
    ...openaiStyle,
    chunk: { ...openaiStyle.chunk, system_fingerprint: "fp_ollama" },
    thoughts: thoughtsIn("reasoning", { content: "" }),
    calls: (calls) =>
      calls.map(({ id, name, arguments: json }, index) => ({
        role: "assistant",
        content: "",
        tool_calls: [{ id, index, type: "function", function: { name, arguments: json } }],
      })),
  },
};
