import {
  list,
  record,
  Refused,
  type Backend,
  type Fields,
  type Heard,
  type Rule,
} from "../backend.ts";
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
  thinkingType,
} from "../hearing.ts";
import {
  alternatingRoles,
  endsWith,
  jsonWord,
  nineCharacterIds,
  noEmptyTools,
  pairedResults,
  refuses,
  signedCalls,
  textArguments,
  thoughtsWithCalls,
} from "../rules.ts";
import {
  callsWithoutIndex,
  openaiStyle,
  thoughtsBetween,
  thoughtsIn,
  wholeCalls,
} from "../stream-style.ts";

const pictures = ["image/png", "image/jpeg", "image/webp", "image/gif"];
const embeddingFields: Fields = { model: known, input: known, encoding_format: known };

function listOf(id: string, owned_by: string) {
  return { object: "list", data: [{ id, object: "model", created: 1_750_000_000, owned_by }] };
}

/** Whether the last message says that it is to be continued. */
function isMarked(field: string) {
  return ({ body }: Heard) => record(list(body["messages"]).at(-1))[field] === true;
}

const { stream_options: _, ...mistralCore } = core;
const mistralFields: Fields = {
  ...mistralCore,
  stop: stops(4, 422),
  max_tokens: limit(1, 422),
  random_seed: as("seed"),
  response_format: formats(["json_object", "json_schema"], undefined, 422),
  parallel_tool_calls: known,
  reasoning_effort: efforts("none", "high"),
  prompt_mode: known,
  safe_prompt: known,
  prediction: known,
  metadata: known,
  n: known,
};

export const mistral: Backend = {
  base: "/v1",
  model: "codestral-2501",
  key: "bearer",
  list: {
    object: "list",
    data: [
      {
        id: "codestral-2501",
        object: "model",
        created: 1_768_405_801,
        owned_by: "mistralai",
        name: "codestral-2501",
        max_context_length: 256_000,
        aliases: [],
        type: "base",
      },
    ],
  },
  routes: {
    "/chat/completions": {
      kind: "chat",
      fields: mistralFields,
      rules: [
        (heard) => {
          const role = heard.messages.at(-1)?.role ?? "";
          if (role === "user" || role === "tool" || isMarked("prefix")(heard)) return;
          throw new Refused(
            `Expected last role User or Tool (or Assistant with prefix True) for serving but got ${role}`,
            { type: "invalid_request_message_order", code: "3230" },
          );
        },
      ],
    },
    "/fim/completions": {
      kind: "completion",
      fields: {
        model: known,
        prompt: as("prompt"),
        suffix: as("suffix"),
        temperature: as("temperature"),
        top_p: as("top_p"),
        max_tokens: limit(1, 422),
        min_tokens: known,
        stop: stops(4, 422),
        random_seed: as("seed"),
        stream: known,
        metadata: known,
      },
      style: { chatShaped: true },
    },
    "/embeddings": {
      kind: "embedding",
      fields: { ...embeddingFields, output_dimension: as("dimensions"), output_dtype: known },
    },
  },
  unknown: unknown.mistral,
  error: errors.mistral,
  rules: [nineCharacterIds, noEmptyTools()],
  messages: {
    only: ["role", "content", "name", "tool_calls", "tool_call_id", "prefix"],
    images: pictures,
    audio: "base64",
    refusal: (part) =>
      new Refused("Extra inputs are not permitted", {
        status: 422,
        body: {
          detail: [
            {
              type: "extra_forbidden",
              loc: ["body", ...part.split(/[[\].]+/)],
              msg: "Extra inputs are not permitted",
            },
          ],
        },
      }),
  },
  continues: isMarked("prefix"),
  echoes: true,
  style: {
    ...openaiStyle,
    thoughts: (pieces) => ({
      deltas: pieces.map((words) => ({
        content: [{ type: "thinking", thinking: [{ type: "text", text: words }] }],
      })),
      closing: "",
    }),
    calls: callsWithoutIndex,
    callsFinish: true,
    finishDelta: { content: "" },
    usage: "finish",
  },
  nothingHere: {
    status: 404,
    body: { message: "no Route matched with those values", request_id: "f0" },
  },
};

const deepseekFields: Fields = {
  ...core,
  ...logprobs,
  stop: stops(16),
  response_format: formats(["json_object"], "This response_format type is unavailable now"),
  thinking: thinkingType,
  reasoning_effort: efforts("minimal", "low", "medium", "high", "xhigh", "max", "ultra"),
};

export const deepseek: Backend = {
  base: "",
  model: "deepseek-chat",
  key: "bearer",
  list: listOf("deepseek-chat", "deepseek"),
  routes: {
    "/chat/completions": { kind: "chat", fields: deepseekFields },
    "/v1/chat/completions": { kind: "chat", fields: deepseekFields },
    "/beta/chat/completions": { kind: "chat", fields: deepseekFields },
    "/beta/completions": {
      kind: "completion",
      fields: completionFields(deepseekFields, { suffix: as("suffix") }),
    },
  },
  error: errors.openai,
  rules: [
    jsonWord,
    noEmptyTools(),
    pairedResults,
    textArguments,
    thoughtsWithCalls(
      () => "The `reasoning_content` in the thinking mode must be passed back to the API.",
    ),
  ],
  messages: { thoughts: ["reasoning_content"], images: [], audio: "refused" },
  continues: isMarked("prefix"),
  thinksByDefault: true,
  style: {
    ...openaiStyle,
    opening: ": keep-alive\n\n",
    chunk: { ...openaiStyle.chunk, usage: null },
    choice: { logprobs: null },
    firstDelta: { role: "assistant", content: null, reasoning_content: "" },
    thoughts: thoughtsIn("reasoning_content", { content: null }),
    usage: "finish",
  },
};

/** As Google tells what the efforts mean. */
const budgets: Readonly<Record<string, string>> = { 1024: "low", 8192: "medium", 24576: "high" };

const geminiFields: Fields = {
  ...core,
  stop: stops(5),
  max_completion_tokens: as("num_predict", 1),
  response_format: formats(["json_object", "json_schema"]),
  reasoning_effort: efforts("none", "minimal", "low", "medium", "high"),
  n: known,
  extra_body: (value) => {
    const { include_thoughts, thinking_budget } = record(
      record(record(value)["google"])["thinking_config"],
    );
    const effort = budgets[String(thinking_budget)];
    return {
      shown: include_thoughts === true,
      thinking: thinking_budget !== 0,
      ...(effort === undefined ? {} : { effort }),
    };
  },
};

export const gemini: Backend = {
  base: "/v1beta/openai",
  model: "models/gemini-2.5-flash",
  key: "bearer",
  list: {
    object: "list",
    data: [{ id: "models/gemini-2.5-flash", object: "model", owned_by: "google" }],
  },
  routes: {
    "/chat/completions": { kind: "chat", fields: geminiFields },
    "/embeddings": {
      kind: "embedding",
      fields: { ...embeddingFields, dimensions: as("dimensions") },
      rules: [
        ({ body }) => {
          if (Array.isArray(body["input"]) && body["input"].length > 100)
            throw new Refused(
              "* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch",
            );
        },
      ],
    },
  },
  unknown: unknown.gemini,
  error: errors.gemini,
  rules: [
    signedCalls,
    noEmptyTools(),
    ({ body }) => {
      if (body["reasoning_effort"] !== undefined && body["extra_body"] !== undefined)
        throw new Refused("Expected one of either `reasoning_effort` or custom `thinking_config`");
    },
  ],
  messages: { images: ["image/png", "image/jpeg", "image/webp"], audio: "object" },
  thinksByDefault: true,
  shows: ({ fields }) => fields["shown"] === true,
  style: {
    ...openaiStyle,
    firstDelta: undefined,
    delta: { role: "assistant" },
    saysUnfinished: false,
    thoughts: thoughtsBetween("<thought>", "</thought>"),
    calls: (calls) =>
      calls.map(({ name, arguments: json }) => ({
        tool_calls: [
          {
            extra_content: { google: { thought_signature: "Cq" } },
            function: { name, arguments: json },
            id: "",
            type: "function",
          },
        ],
      })),
    callsFinish: false,
    finishReasons: { stop: "stop", length: "length", tool_calls: "stop" },
    usage: "finish",
    // Thoughts are in the total only.
    figures: ({ prompt, thoughts, text }) => ({
      completion_tokens: text,
      prompt_tokens: prompt,
      total_tokens: prompt + thoughts + text,
    }),
  },
};

const { presence_penalty: __, frequency_penalty: ___, ...anthropicCore } = core;
const anthropicFields: Fields = {
  ...anthropicCore,
  temperature: (value) => ({ temperature: Math.min(Number(value), 1) }),
  stop: (value, name) => {
    const texts = typeof value === "string" ? [value] : (value as string[]);
    if (texts.some((words) => words.trim() === ""))
      throw new Refused(`${name}: each stop sequence must contain non-whitespace`);
    return { stop: texts };
  },
  max_completion_tokens: as("num_predict", 1),
  thinking: thinkingType,
  parallel_tool_calls: known,
};

/** The newest models, which don't continue a message. */
export const anthropic: Backend = {
  base: "/v1",
  model: "claude-opus-4-6",
  key: "bearer",
  list: {
    data: [
      {
        type: "model",
        id: "claude-opus-4-6",
        display_name: "Claude",
        created_at: "2026-02-04T00:00:00Z",
      },
    ],
    has_more: false,
  },
  routes: { "/chat/completions": { kind: "chat", fields: anthropicFields } },
  error: errors.openai,
  rules: [
    noEmptyTools(),
    endsWith(
      ["user", "tool"],
      () =>
        new Refused(
          "This model does not support assistant message prefill. The conversation must end with a user message.",
        ),
    ),
    ({ fields }) => {
      const { budget, num_predict: most } = fields;
      if (typeof budget === "number" && typeof most === "number" && most <= budget)
        throw new Refused("`max_tokens` must be greater than `thinking.budget_tokens`.");
    },
  ],
  messages: { images: pictures, audio: "stripped" },
  shows: () => false,
  style: {
    ...openaiStyle,
    // The calls are numbered as blocks of the answer, after the text.
    calls: (calls) =>
      calls.flatMap(({ id, name, arguments: json }, at) => [
        {
          tool_calls: [{ index: at + 1, id, type: "function", function: { name, arguments: "" } }],
        },
        { tool_calls: [{ index: at + 1, function: { arguments: json.slice(0, 3) } }] },
        { tool_calls: [{ index: at + 1, function: { arguments: json.slice(3) } }] },
      ]),
  },
};

const xaiFields: Fields = {
  ...core,
  ...seed,
  ...logprobs,
  max_completion_tokens: as("num_predict", 1),
  response_format: formats(["json_object", "json_schema"]),
  parallel_tool_calls: known,
};

/** Its refusals name the argument as its own protocol does. */
function refusesArguments(names: Readonly<Record<string, string>>): Rule {
  return refuses(
    Object.keys(names),
    (name) => new Refused(`Argument not supported on this model: ${names[name]}`),
  );
}

/** A model that doesn't reason. */
export const xai: Backend = {
  base: "/v1",
  model: "grok-2-vision",
  key: "bearer",
  list: listOf("grok-2-vision", "xai"),
  routes: {
    "/chat/completions": {
      kind: "chat",
      fields: xaiFields,
      rules: [refusesArguments({ reasoning_effort: "reasoningEffort" })],
    },
    "/completions": { kind: "completion", fields: completionFields({ ...core, ...seed }) },
  },
  error: errors.xai,
  rules: [noEmptyTools()],
  messages: { images: ["image/png", "image/jpeg"], audio: "object" },
  style: {
    ...openaiStyle,
    delta: { role: "" },
    saysUnfinished: false,
    calls: wholeCalls,
  },
};

export const xaiReasoning: Backend = {
  ...xai,
  model: "grok-3-mini",
  list: listOf("grok-3-mini", "xai"),
  routes: {
    ...xai.routes,
    "/chat/completions": {
      kind: "chat",
      fields: { ...xaiFields, reasoning_effort: efforts("low", "high") },
      rules: [
        refusesArguments({
          presence_penalty: "presencePenalty",
          frequency_penalty: "frequencyPenalty",
          stop: "stop",
        }),
      ],
    },
  },
  thinksByDefault: true,
  style: {
    ...xai.style,
    thoughts: thoughtsIn("reasoning_content"),
    figures: ({ prompt, thoughts, text }) => ({
      prompt_tokens: prompt,
      completion_tokens: text,
      total_tokens: prompt + thoughts + text,
      completion_tokens_details: { reasoning_tokens: thoughts },
    }),
  },
};

export const cohere: Backend = {
  base: "/compatibility/v1",
  model: "command-a-03-2025",
  key: "bearer",
  list: { models: [{ name: "command-a-03-2025", endpoints: ["chat"], context_length: 256_000 }] },
  routes: {
    "/chat/completions": {
      kind: "chat",
      fields: {
        ...core,
        ...logprobs,
        stop: stops(5),
        response_format: formats(["json_object", "json_schema"]),
        reasoning_effort: efforts("none", "high"),
      },
    },
    "/embeddings": {
      kind: "embedding",
      fields: embeddingFields,
      rules: [
        ({ body }) => {
          if (Array.isArray(body["input"]) && body["input"].length > 96)
            throw new Refused("invalid request: total number of texts must be at most 96");
        },
      ],
    },
  },
  unknown: unknown.cohere,
  error: errors.cohere,
  rules: [],
  messages: { images: pictures, audio: "refused" },
  shows: () => false,
  style: { ...openaiStyle, usage: "finish" },
  nothingHere: { status: 404, body: { id: "f0", message: "not found" } },
};

export const perplexity: Backend = {
  base: "",
  model: "sonar-reasoning",
  key: "bearer",
  list: null,
  routes: {
    "/chat/completions": {
      kind: "chat",
      fields: {
        ...core,
        ...seed,
        top_k: as("top_k"),
        response_format: formats(["json_schema"]),
        reasoning_effort: efforts("low", "medium", "high"),
        tools: () => {
          throw new Refused("Tool calling is not supported for this model", { param: "tools" });
        },
      },
    },
    "/embeddings": { kind: "embedding", fields: embeddingFields, vectors: "base64_int8" },
  },
  unknown: unknown.openai,
  error: ({ message, status, details }) => ({
    error: { message, type: details.type ?? "bad_request", code: status },
  }),
  rules: [
    endsWith(
      ["user"],
      () => new Refused("Last message must have role `user`.", { type: "invalid_message" }),
    ),
    alternatingRoles,
  ],
  messages: { images: pictures, audio: "refused" },
  thinksByDefault: true,
  style: {
    ...openaiStyle,
    firstDelta: undefined,
    delta: { role: "assistant" },
    saysUnfinished: false,
    thoughts: thoughtsBetween("<think>\n", "\n</think>\n\n"),
    finish: () => ({ object: "chat.completion.done" }),
    usage: "each",
  },
  nothingHere: { status: 404, body: "Not Found" },
};

export const kimi: Backend = {
  base: "/v1",
  model: "kimi-k2.5",
  key: "bearer",
  list: listOf("kimi-k2.5", "moonshot"),
  routes: {
    "/chat/completions": {
      kind: "chat",
      fields: {
        ...core,
        ...seed,
        stop: stops(5),
        response_format: formats(["json_object", "json_schema"]),
        thinking: thinkingType,
      },
    },
  },
  unknown: unknown.openai,
  error: errors.openai,
  rules: [
    noEmptyTools(),
    pairedResults,
    thoughtsWithCalls(
      (at) =>
        `thinking is enabled but reasoning_content is missing in assistant tool call message at index ${at}`,
    ),
  ],
  messages: { thoughts: ["reasoning_content"], images: pictures, audio: "refused" },
  continues: isMarked("partial"),
  thinksByDefault: true,
  style: {
    ...openaiStyle,
    event: (data) => `data:${data}\n\n`,
    closing: "data:[DONE]\n\n",
    chunk: { id: "chatcmpl-1", created: 1_760_000_000, model: "kimi-k2.5" },
    thoughts: thoughtsIn("reasoning_content"),
    usage: "choice",
  },
};

export const qwen: Backend = {
  base: "/compatible-mode/v1",
  model: "qwen-plus",
  key: "bearer",
  list: listOf("qwen-plus", "system"),
  routes: {
    "/chat/completions": {
      kind: "chat",
      fields: {
        ...core,
        ...seed,
        ...logprobs,
        top_k: as("top_k"),
        repetition_penalty: as("repeat_penalty"),
        response_format: formats(["json_object", "json_schema"]),
        enable_thinking: as("thinking"),
        thinking_budget: known,
        parallel_tool_calls: known,
      },
    },
    "/embeddings": {
      kind: "embedding",
      fields: { ...embeddingFields, dimensions: as("dimensions") },
      rules: [
        ({ body }) => {
          if (Array.isArray(body["input"]) && body["input"].length > 10)
            throw new Refused("batch size is invalid, it should not be larger than 10.");
        },
      ],
    },
  },
  error: errors.openai,
  rules: [noEmptyTools(), pairedResults],
  messages: { images: pictures, audio: "object" },
  continues: isMarked("partial"),
  style: {
    ...openaiStyle,
    chunk: { id: "chatcmpl-1", created: 1_760_000_000, model: "qwen-plus", usage: null },
    choice: { logprobs: null },
    thoughts: thoughtsIn("reasoning_content", { content: null }),
    calls: (calls) =>
      calls.flatMap(({ id, name, arguments: json }, index) => [
        {
          content: null,
          tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }],
        },
        {
          content: null,
          tool_calls: [{ index, id: "", type: "function", function: { arguments: json } }],
        },
        { tool_calls: [{ function: { arguments: "" }, index, id: "", type: "function" }] },
      ]),
  },
};

export const glm: Backend = {
  base: "/api/paas/v4",
  model: "glm-4.7",
  key: "bearer",
  list: listOf("glm-4.7", "z-ai"),
  routes: {
    "/chat/completions": {
      kind: "chat",
      fields: {
        ...core,
        ...seed,
        response_format: formats(["json_object"], "response_format.type is invalid"),
        thinking: thinkingType,
      },
    },
    "/embeddings": {
      kind: "embedding",
      fields: { ...embeddingFields, dimensions: as("dimensions") },
    },
  },
  error: ({ message }) => ({ error: { code: "1210", message } }),
  rules: [noEmptyTools()],
  messages: { thoughts: ["reasoning_content"], images: pictures, audio: "refused" },
  thinksByDefault: true,
  style: {
    ...openaiStyle,
    thoughts: thoughtsIn("reasoning_content", { role: "assistant" }),
    calls: wholeCalls,
    usage: "finish",
  },
};
