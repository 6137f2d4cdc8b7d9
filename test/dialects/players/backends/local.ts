import { Refused, record, type Backend, type Fields } from "../backend.ts";
import { errors } from "../errors.ts";
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
  templateVariables,
} from "../hearing.ts";
import { breaksOnNull, contentIsThere, lastIsAssistant, needs, noEmptyTools } from "../rules.ts";
import { openaiStyle, thoughtsBetween, thoughtsIn, wholeCalls } from "../stream-style.ts";

const pictures = ["image/png", "image/jpeg", "image/webp"];
const embeddingFields: Fields = { model: known, input: known, encoding_format: known };
const topLogprobsNeedLogprobs = needs(
  "top_logprobs",
  "logprobs",
  "top_logprobs requires logprobs to be set to true",
);

const llamacppFields: Fields = {
  ...core,
  ...seed,
  ...logprobs,
  max_tokens: limit(-1),
  max_completion_tokens: limit(-1),
  n_predict: limit(-1),
  top_k: as("top_k"),
  min_p: as("min_p"),
  typical_p: as("typical_p"),
  repeat_penalty: as("repeat_penalty"),
  repeat_last_n: as("repeat_last_n", 0),
  mirostat: as("mirostat"),
  mirostat_tau: as("mirostat_tau"),
  mirostat_eta: as("mirostat_eta"),
  n_keep: as("num_keep"),
  response_format: formats(["json_object", "json_object_schema", "json_schema"]),
  json_schema: as("format"),
  parallel_tool_calls: as("parallel"),
  reasoning_effort: efforts("none", "minimal", "low", "medium", "high", "xhigh", "max"),
  chat_template_kwargs: (value, name) => {
    const on = record(value)["enable_thinking"];
    if (on !== undefined && typeof on !== "boolean")
      throw new Refused('invalid type for "enable_thinking" (expected boolean, got string)');
    return templateVariables(value, name);
  },
};

/** A model that thinks, with its projector for pictures and sound loaded. */
export const llamacpp: Backend = {
  base: "/v1",
  model: "qwen2.5-coder-7b",
  list: {
    models: [{ name: "qwen2.5-coder-7b", model: "qwen2.5-coder-7b", capabilities: ["completion"] }],
    object: "list",
    data: [
      {
        id: "qwen2.5-coder-7b",
        aliases: [],
        tags: [],
        object: "model",
        created: 1_735_142_223,
        owned_by: "llamacpp",
        meta: { vocab_type: 2, n_vocab: 128_256, n_ctx: 8192, n_ctx_train: 131_072, n_embd: 4096 },
      },
    ],
  },
  probes: {
    "/props": {
      default_generation_settings: { n_ctx: 8192 },
      total_slots: 1,
      model_path: "qwen2.5-coder-7b.gguf",
      chat_template: "",
      modalities: { vision: true, audio: true },
      build_info: "b6000",
    },
  },
  routes: {
    "/chat/completions": { kind: "chat", fields: llamacppFields },
    "/completions": {
      kind: "completion",
      fields: completionFields(llamacppFields, {
        response_format: formats(["json_object", "json_object_schema", "json_schema"]),
      }),
      style: { legacyLogprobs: false },
    },
    "origin:/infill": {
      kind: "infill",
      fields: completionFields(llamacppFields, {
        input_prefix: as("prompt"),
        input_suffix: as("suffix"),
        input_extra: known,
      }),
    },
    "/embeddings": { kind: "embedding", fields: embeddingFields },
  },
  error: errors.numbered,
  rules: [
    contentIsThere,
    topLogprobsNeedLogprobs,
    ({ route, body, fields }) => {
      if (route === "chat" && body["stream"] === true && fields["tools"] && fields["logprobs"])
        throw new Refused("logprobs is not supported with tools + stream");
    },
    (heard) => {
      if (heard.route !== "chat" || !lastIsAssistant(heard)) return;
      if (heard.messages.at(-2)?.role === "assistant")
        throw new Refused("Cannot have 2 or more assistant messages at the end of the list.");
      if (heard.fields["thinking"] !== false && heard.fields["effort"] !== "none")
        throw new Refused("Assistant response prefill is incompatible with enable_thinking.");
    },
  ],
  messages: {
    thoughts: ["reasoning_content"],
    images: ["image/png", "image/jpeg", "image/gif", "image/bmp"],
    audio: "object",
  },
  continues: lastIsAssistant,
  oneCall: true,
  thinksByDefault: true,
  style: {
    ...openaiStyle,
    firstDelta: { role: "assistant", content: null },
    thoughts: thoughtsIn("reasoning_content"),
    finish: ({ prompt, thoughts, text }) => ({
      timings: {
        cache_n: 0,
        prompt_n: prompt,
        prompt_ms: 30.958,
        predicted_n: thoughts + text,
        predicted_ms: 661.064,
      },
    }),
  },
};

const llamaCppPythonFields: Fields = {
  ...core,
  ...seed,
  ...logprobs,
  top_k: as("top_k", 0, 422),
  min_p: as("min_p"),
  repeat_penalty: as("repeat_penalty"),
  mirostat_mode: as("mirostat"),
  mirostat_tau: as("mirostat_tau"),
  mirostat_eta: as("mirostat_eta"),
  response_format: formats(
    ["json_object", "json_object_schema"],
    "Input should be 'text' or 'json_object'",
    422,
  ),
};

export const llamaCppPython: Backend = {
  base: "/v1",
  model: "qwen2.5-coder-7b",
  list: {
    object: "list",
    data: [{ id: "qwen2.5-coder-7b", object: "model", owned_by: "me", permissions: [] }],
  },
  routes: {
    "/chat/completions": { kind: "chat", fields: llamaCppPythonFields },
    "/completions": {
      kind: "completion",
      fields: completionFields(llamaCppPythonFields, { suffix: as("suffix") }),
    },
    "/embeddings": { kind: "embedding", fields: embeddingFields },
  },
  error: errors.detail,
  rules: [],
  messages: { images: [], audio: "refused", plain: true },
  shortByDefault: ["completion"],
  style: { ...openaiStyle, usage: "never", thoughts: thoughtsBetween("<think>", "</think>") },
};

const lmstudioFields: Fields = {
  ...core,
  ...seed,
  top_k: as("top_k"),
  repeat_penalty: as("repeat_penalty"),
  response_format: formats(
    ["json_schema"],
    "'response_format.type' must be 'json_schema' or 'text'",
  ),
  reasoning_effort: (value) =>
    ["none", "low", "medium", "high"].includes(String(value)) ? { effort: value } : {},
  tool_choice: (value) => {
    if (typeof value === "string") return {};
    throw new Refused(
      "Invalid tool_choice type: 'object'. Supported string values: none, auto, required",
    );
  },
};

export const lmstudio: Backend = {
  base: "/v1",
  model: "qwen2.5-coder-7b",
  list: {
    object: "list",
    data: [{ id: "qwen2.5-coder-7b", object: "model", owned_by: "organization_owner" }],
  },
  probes: {
    "/api/v0/models": {
      object: "list",
      data: [
        {
          id: "qwen2.5-coder-7b",
          object: "model",
          type: "vlm",
          publisher: "qwen",
          arch: "qwen2",
          compatibility_type: "gguf",
          quantization: "Q4_K_M",
          state: "loaded",
          max_context_length: 32_768,
          loaded_context_length: 4096,
        },
      ],
    },
    "/api/v1/models": {
      models: [
        {
          type: "llm",
          key: "qwen2.5-coder-7b",
          loaded_instances: [{ id: "qwen2.5-coder-7b", config: { context_length: 4096 } }],
          max_context_length: 32_768,
        },
      ],
    },
  },
  routes: {
    "/chat/completions": { kind: "chat", fields: lmstudioFields },
    "/completions": { kind: "completion", fields: completionFields(lmstudioFields) },
    "/embeddings": { kind: "embedding", fields: embeddingFields },
  },
  error: errors.text,
  rules: [
    ({ body }) => {
      if (body["model"] === "") throw new Refused("Invalid model identifier");
    },
  ],
  messages: { images: pictures, audio: "refused" },
  thinksByDefault: true,
  style: { ...openaiStyle, thoughts: thoughtsIn("reasoning_content") },
  nothingHere: {
    status: 200,
    body: { error: "Unexpected endpoint or method. Returning 200 anyway" },
  },
};

const mlxFields: Fields = {
  ...core,
  ...seed,
  max_completion_tokens: limit(),
  top_k: as("top_k", 0),
  min_p: as("min_p"),
  repetition_penalty: as("repeat_penalty"),
  repetition_context_size: as("repeat_last_n"),
  chat_template_kwargs: templateVariables,
  // Told by number only: nobody can tell which token is meant.
  logprobs: as("numbered_logprobs"),
  top_logprobs: known,
};

export const mlx: Backend = {
  base: "/v1",
  model: "mlx-community/qwen2.5-coder-7b",
  list: {
    object: "list",
    data: [{ id: "mlx-community/qwen2.5-coder-7b", object: "model", created: 1_750_000_000 }],
  },
  routes: {
    "/chat/completions": { kind: "chat", fields: mlxFields },
    "/completions": { kind: "completion", fields: completionFields(mlxFields) },
  },
  error: errors.text,
  rules: [breaksOnNull],
  messages: { thoughts: ["reasoning_content", "reasoning"], images: [], audio: "refused" },
  shortByDefault: ["chat", "completion"],
  thinksByDefault: true,
  style: {
    ...openaiStyle,
    opening: ": keepalive 2048/4096\n\n",
    delta: { role: "assistant" },
    thoughts: thoughtsIn("reasoning"),
    usageChunk: { object: "chat.completion", choices: [] },
  },
  nothingHere: { status: 404, body: "Not Found" },
};

const exllamaFields: Fields = {
  ...core,
  ...logprobs,
  presence_penalty: as("presence_penalty", 0, 422),
  frequency_penalty: as("frequency_penalty", 0, 422),
  top_k: as("top_k", 0, 422),
  min_p: as("min_p"),
  typical: as("typical_p"),
  typical_p: as("typical_p"),
  repetition_penalty: as("repeat_penalty"),
  rep_pen: as("repeat_penalty"),
  penalty_range: as("repeat_last_n"),
  mirostat_mode: as("mirostat"),
  mirostat_tau: as("mirostat_tau"),
  mirostat_eta: as("mirostat_eta"),
  json_schema: as("format"),
  template_vars: templateVariables,
  chat_template_kwargs: templateVariables,
  response_prefix: as("continue"),
};

/** Without `reasoning: true` in its own configuration, and a template that opens the thoughts. */
export const tabbyapi: Backend = {
  base: "/v1",
  model: "qwen2.5-coder-7b",
  list: {
    object: "list",
    data: [
      { id: "qwen2.5-coder-7b", object: "model", created: 1_750_000_000, owned_by: "tabbyAPI" },
    ],
  },
  probes: {
    "/v1/model": { id: "qwen2.5-coder-7b", object: "model", parameters: { max_seq_len: 8192 } },
  },
  routes: {
    "/chat/completions": { kind: "chat", fields: exllamaFields },
    "/completions": {
      kind: "completion",
      fields: completionFields(exllamaFields),
    },
    "/embeddings": { kind: "embedding", fields: embeddingFields },
  },
  error: errors.detail,
  rules: [],
  messages: { images: pictures, audio: "refused" },
  continues: ({ fields }) => fields["continue"] !== undefined,
  thinksByDefault: true,
  style: {
    ...openaiStyle,
    delta: { reasoning_content: null },
    thoughts: thoughtsBetween("", "</think>"),
  },
};

const koboldFields: Fields = {
  ...core,
  ...seed,
  ...logprobs,
  max_completion_tokens: limit(),
  top_k: as("top_k"),
  min_p: as("min_p"),
  typical: as("typical_p"),
  rep_pen: as("repeat_penalty"),
  repeat_penalty: as("repeat_penalty"),
  repetition_penalty: as("repeat_penalty"),
  rep_pen_range: as("repeat_last_n"),
  mirostat_mode: as("mirostat"),
  mirostat_tau: as("mirostat_tau"),
  mirostat_eta: as("mirostat_eta"),
  response_format: formats(["json_object", "json_schema"]),
  // A variable of the template; the switches of others can be set only at its start.
  reasoning_effort: as("effort"),
  continue_assistant_turn: as("continue"),
};

export const koboldcpp: Backend = {
  base: "/v1",
  model: "koboldcpp/qwen2.5-coder-7b",
  list: {
    object: "list",
    data: [
      {
        id: "koboldcpp/qwen2.5-coder-7b",
        object: "model",
        created: 1,
        owned_by: "koboldcpp",
        permission: [],
        root: "koboldcpp",
      },
    ],
  },
  probes: {
    "/api/extra/version": { result: "KoboldCpp", version: "1.100" },
    // It plays Ollama, too.
    "/api/version": { version: "0.7.0" },
    "/api/tags": { models: [{ name: "koboldcpp", model: "koboldcpp", digest: "7" }] },
  },
  routes: {
    "/chat/completions": { kind: "chat", fields: koboldFields },
    "/completions": { kind: "completion", fields: completionFields(koboldFields) },
    "/embeddings": { kind: "embedding", fields: embeddingFields },
  },
  error: errors.detail,
  rules: [breaksOnNull],
  messages: { images: pictures, audio: "object" },
  continues: (heard) => heard.fields["continue"] !== false && lastIsAssistant(heard),
  shortByDefault: ["chat", "completion"],
  thinksByDefault: true,
  style: {
    ...openaiStyle,
    thoughts: thoughtsIn("reasoning_content"),
    calls: wholeCalls,
    usageWithTools: false,
  },
};

const localaiFields: Fields = {
  ...core,
  ...seed,
  ...logprobs,
  max_completion_tokens: limit(),
  top_k: as("top_k"),
  min_p: as("min_p"),
  typical_p: as("typical_p"),
  repeat_penalty: as("repeat_penalty"),
  repeat_last_n: as("repeat_last_n"),
  n_keep: as("num_keep"),
  response_format: formats(["json_object", "json_schema"]),
  reasoning_effort: as("effort"),
  metadata: (value) => {
    const on = record(value)["enable_thinking"];
    return on === undefined ? {} : { thinking: on === "true" };
  },
};

export const localai: Backend = {
  base: "/v1",
  model: "qwen2.5-coder-7b",
  list: { object: "list", data: [{ id: "qwen2.5-coder-7b", object: "model" }] },
  probes: {
    "/v1/models/capabilities": {
      object: "list",
      data: [{ id: "qwen2.5-coder-7b", capabilities: ["FLAG_CHAT"] }],
    },
    "/system": { backends: ["llama-cpp"], loaded_models: [{ id: "qwen2.5-coder-7b" }] },
  },
  routes: {
    "/chat/completions": { kind: "chat", fields: localaiFields },
    "/completions": { kind: "completion", fields: completionFields(localaiFields) },
    "/embeddings": { kind: "embedding", fields: embeddingFields },
  },
  error: errors.openai,
  rules: [],
  messages: { images: pictures, audio: "object" },
  thinksByDefault: true,
  style: { ...openaiStyle, thoughts: thoughtsIn("reasoning"), calls: wholeCalls },
};

/** One of which only the address is known: it ignores what it does not know. */
export const genericLocal: Backend = {
  base: "/v1",
  model: "qwen2.5-coder-7b",
  list: { object: "list", data: [{ id: "qwen2.5-coder-7b", object: "model" }] },
  routes: {
    "/chat/completions": {
      kind: "chat",
      fields: {
        ...core,
        ...seed,
        ...logprobs,
        top_k: as("top_k"),
        min_p: as("min_p"),
        repeat_penalty: as("repeat_penalty"),
        chat_template_kwargs: templateVariables,
        reasoning_effort: as("effort"),
        response_format: formats(["json_object", "json_schema"]),
      },
    },
    "/completions": {
      kind: "completion",
      fields: completionFields(
        { ...core, ...seed, ...logprobs, top_k: as("top_k"), min_p: as("min_p") },
        { suffix: as("suffix") },
      ),
    },
    "/embeddings": { kind: "embedding", fields: embeddingFields },
  },
  error: errors.text,
  rules: [noEmptyTools()],
  messages: { images: pictures, audio: "object" },
  shortByDefault: ["completion"],
  style: { ...openaiStyle, thoughts: thoughtsIn("reasoning_content") },
};
