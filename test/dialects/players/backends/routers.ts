import { record, Refused, type Backend, type Fields } from "../backend.ts";
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
  templateVariables,
  thinkingType,
} from "../hearing.ts";
import { lastIsAssistant, noEmptyTools, pairedResults } from "../rules.ts";
import { openaiStyle, thoughtsIn, wholeCalls } from "../stream-style.ts";

const pictures = ["image/png", "image/jpeg", "image/webp", "image/gif"];
const embeddingFields: Fields = { model: known, input: known, encoding_format: known };

const openrouterFields: Fields = {
  ...core,
  ...seed,
  ...logprobs,
  max_completion_tokens: as("num_predict", 1),
  top_k: as("top_k"),
  min_p: as("min_p"),
  top_a: known,
  repetition_penalty: as("repeat_penalty"),
  response_format: formats(["json_object", "json_schema"]),
  parallel_tool_calls: known,
  reasoning: (value) => {
    const { enabled, effort, max_tokens } = record(value);
    return {
      ...(enabled === undefined && max_tokens === undefined ? {} : { thinking: enabled !== false }),
      ...(effort === undefined ? {} : { effort }),
    };
  },
};

export const openrouter: Backend = {
  base: "/api/v1",
  model: "qwen/qwen-2.5-coder-7b",
  key: "bearer",
  list: {
    data: [
      {
        id: "qwen/qwen-2.5-coder-7b",
        name: "Qwen2.5 Coder 7B",
        created: 1_715_558_400,
        context_length: 128_000,
        architecture: { input_modalities: ["text", "image"], output_modalities: ["text"] },
        top_provider: { context_length: 128_000, max_completion_tokens: 16_384 },
      },
    ],
  },
  routes: {
    "/chat/completions": { kind: "chat", fields: openrouterFields },
    "/completions": { kind: "completion", fields: completionFields(openrouterFields) },
    "/embeddings": {
      kind: "embedding",
      fields: { ...embeddingFields, dimensions: as("dimensions") },
    },
  },
  error: ({ message, status }) => ({ error: { message, code: status, metadata: {} } }),
  rules: [noEmptyTools()],
  messages: { thoughts: ["reasoning"], images: pictures, audio: "object" },
  continues: lastIsAssistant,
  thinksByDefault: true,
  style: {
    ...openaiStyle,
    opening: ": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n",
    thoughts: (pieces) => ({
      deltas: pieces.map((piece) => ({
        role: "assistant",
        content: "",
        reasoning: piece,
        reasoning_details: [{ type: "reasoning.text", text: piece }],
      })),
      closing: "",
    }),
  },
};

const togetherFields: Fields = {
  ...core,
  ...seed,
  logprobs: (value) => (typeof value === "number" ? { logprobs: value } : {}),
  top_k: as("top_k"),
  min_p: as("min_p"),
  repetition_penalty: as("repeat_penalty"),
  response_format: formats(["json_object", "json_object_schema", "json_schema"]),
  reasoning: (value) => ({ thinking: record(value)["enabled"] === true }),
  reasoning_effort: efforts("low", "medium", "high"),
  chat_template_kwargs: templateVariables,
};

export const together: Backend = {
  base: "/v1",
  model: "Qwen/Qwen2.5-Coder-32B",
  key: "bearer",
  list: [
    {
      id: "Qwen/Qwen2.5-Coder-32B",
      object: "model",
      created: 1_692_896_905,
      type: "chat",
      display_name: "Qwen 2.5 Coder 32B",
      organization: "Qwen",
      context_length: 32_768,
      pricing: { input: 0.3, output: 0.3 },
    },
  ],
  routes: {
    "/chat/completions": { kind: "chat", fields: togetherFields },
    "/completions": { kind: "completion", fields: completionFields(togetherFields) },
    "/embeddings": { kind: "embedding", fields: embeddingFields },
  },
  error: errors.openai,
  rules: [noEmptyTools()],
  messages: { images: pictures, audio: "object" },
  thinksByDefault: true,
  style: { ...openaiStyle, usage: "finish", thoughts: thoughtsIn("reasoning") },
};

const fireworksFields: Fields = {
  ...core,
  ...seed,
  ...logprobs,
  top_k: as("top_k"),
  min_p: as("min_p"),
  typical_p: as("typical_p"),
  repetition_penalty: as("repeat_penalty"),
  mirostat_target: known,
  mirostat_lr: known,
  context_length_exceeded_behavior: known,
  response_format: formats(["json_object", "json_object_schema", "json_schema"]),
  reasoning_effort: efforts("none", "low", "medium", "high"),
  thinking: thinkingType,
  chat_template_kwargs: templateVariables,
  parallel_tool_calls: known,
};

export const fireworks: Backend = {
  base: "/inference/v1",
  model: "accounts/fireworks/models/qwen2p5-coder-7b",
  key: "bearer",
  list: {
    object: "list",
    data: [
      { id: "accounts/fireworks/models/qwen2p5-coder-7b", object: "model", owned_by: "fireworks" },
    ],
  },
  routes: {
    "/chat/completions": { kind: "chat", fields: fireworksFields },
    "/completions": { kind: "completion", fields: completionFields(fireworksFields) },
    "/embeddings": {
      kind: "embedding",
      fields: { ...embeddingFields, dimensions: as("dimensions") },
    },
  },
  unknown: unknown.fireworks,
  error: errors.plainOpenai,
  rules: [noEmptyTools()],
  messages: {
    only: ["role", "content", "name", "tool_calls", "tool_call_id"],
    images: pictures,
    audio: "object",
  },
  thinksByDefault: true,
  style: { ...openaiStyle, usage: "finish", thoughts: thoughtsIn("reasoning_content") },
};

const groqFields: Fields = {
  ...core,
  ...seed,
  stop: stops(4),
  max_completion_tokens: as("num_predict", 1),
  response_format: formats(["json_object", "json_schema"]),
  parallel_tool_calls: known,
  reasoning_effort: efforts("low", "medium", "high"),
  include_reasoning: known,
  user: known,
  service_tier: known,
};

/** One of gpt-oss. */
export const groq: Backend = {
  base: "/openai/v1",
  model: "openai/gpt-oss-120b",
  key: "bearer",
  list: {
    object: "list",
    data: [
      {
        id: "openai/gpt-oss-120b",
        object: "model",
        created: 1_733_447_754,
        owned_by: "OpenAI",
        active: true,
        context_window: 131_072,
        max_completion_tokens: 32_768,
      },
    ],
  },
  routes: { "/chat/completions": { kind: "chat", fields: groqFields } },
  unknown: unknown.groq,
  error: errors.plainOpenai,
  rules: [noEmptyTools(), pairedResults],
  messages: {
    only: ["role", "content", "tool_calls", "tool_call_id", "reasoning"],
    thoughts: ["reasoning"],
    images: pictures,
    audio: "object",
    refusal: (part) => {
      const [, at = "", name = ""] = /^messages\[(\d+)\]\.(.*)$/.exec(part) ?? [];
      return new Refused(
        `'messages.${at}' : for 'role:assistant' the following must be satisfied[('messages.${at}' : property '${name}' is unsupported)]`,
      );
    },
  },
  continues: lastIsAssistant,
  thinksByDefault: true,
  style: {
    ...openaiStyle,
    choice: { logprobs: null },
    thoughts: thoughtsIn("reasoning"),
    calls: wholeCalls,
    usage: "finish",
    figures: (figures) => ({
      queue_time: 0.04,
      ...openaiStyle.figures(figures),
      prompt_time: 0.01,
      completion_time: 0.05,
      total_time: 0.06,
    }),
    finish: (figures) => ({ x_groq: { id: "req_1", usage: openaiStyle.figures(figures) } }),
  },
  nothingHere: {
    status: 404,
    body: {
      error: {
        message: "Unknown request URL. Please check the URL for typos, or see the documentation",
        type: "invalid_request_error",
        code: "unknown_url",
      },
    },
  },
};

const cerebrasFields: Fields = {
  ...core,
  ...seed,
  ...logprobs,
  presence_penalty: refused,
  frequency_penalty: refused,
  max_completion_tokens: as("num_predict", 1),
  response_format: formats(["json_object", "json_schema"]),
  reasoning_effort: efforts("none", "low", "medium", "high"),
  disable_reasoning: known,
  user: known,
};

function refused(_: unknown, name: string): never {
  throw unknown.cerebras([name]);
}

/** GLM, which can be told not to think. */
export const cerebras: Backend = {
  base: "/v1",
  model: "zai-glm-4.7",
  key: "bearer",
  list: {
    object: "list",
    data: [{ id: "zai-glm-4.7", object: "model", created: 0, owned_by: "Cerebras" }],
  },
  routes: {
    "/chat/completions": { kind: "chat", fields: cerebrasFields },
    "/completions": { kind: "completion", fields: completionFields(cerebrasFields) },
  },
  unknown: unknown.cerebras,
  error: errors.cerebras,
  rules: [noEmptyTools(), pairedResults],
  messages: {
    only: ["role", "content", "name", "tool_calls", "tool_call_id", "reasoning"],
    thoughts: ["reasoning"],
    images: [],
    audio: "refused",
  },
  thinksByDefault: true,
  style: {
    ...openaiStyle,
    firstDelta: { role: "assistant" },
    saysUnfinished: false,
    thoughts: thoughtsIn("reasoning"),
    calls: wholeCalls,
    usage: "finish",
    finish: () => ({
      time_info: {
        queue_time: 0.003,
        prompt_time: 0.0127,
        completion_time: 0.22,
        total_time: 0.34,
        created: 1_779_147_581.5,
      },
    }),
  },
};
