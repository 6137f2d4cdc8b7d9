import { describe, expect, test } from "vitest";
import { only } from "../../../src/models/abilities.ts";
import { readModelList } from "../../../src/models/model-entry.ts";

/** What one entry of each server's list tells. */
const entries: readonly (readonly [server: string, entry: object, told: object])[] = [
  [
    "OpenAI",
    { id: "gpt-4o", object: "model", created: 1715367049, owned_by: "system" },
    { id: "gpt-4o", created: 1715367049, ownedBy: "system" },
  ],
  [
    "vLLM",
    {
      id: "Qwen/Qwen3-8B",
      object: "model",
      created: 1750000000,
      owned_by: "vllm",
      root: "Qwen/Qwen3-8B",
      parent: null,
      max_model_len: 40960,
      permission: [],
    },
    {
      id: "Qwen/Qwen3-8B",
      created: 1750000000,
      ownedBy: "vllm",
      madeFrom: "Qwen/Qwen3-8B",
      contextLength: 40960,
    },
  ],
  [
    "llama.cpp",
    {
      id: "m",
      aliases: [],
      object: "model",
      created: 1735142223,
      owned_by: "llamacpp",
      meta: {
        vocab_type: 2,
        n_vocab: 128256,
        n_ctx: 8192,
        n_ctx_train: 131072,
        n_embd: 4096,
        n_params: 8030261312,
        size: 4912898304,
        ftype: "Q4_K - Medium",
      },
    },
    {
      id: "m",
      created: 1735142223,
      ownedBy: "llamacpp",
      contextLength: 8192,
      embeddingLength: 4096,
      parameterCount: 8030261312,
      size: 4912898304,
      quantization: "Q4_K_M",
    },
  ],
  [
    "llama.cpp, newer",
    { id: "m", architecture: { input_modalities: ["text", "image"], output_modalities: ["text"] } },
    { id: "m", abilities: { completion: true, vision: true, audio: false } },
  ],
  ["llama.cpp, older", { id: "m", meta: { n_ctx_train: 4096 } }, { id: "m", contextLength: 4096 }],
  ["llama.cpp, loading", { id: "m", meta: null }, { id: "m" }],
  [
    "LM Studio, v0",
    {
      id: "qwen2-vl",
      object: "model",
      type: "vlm",
      publisher: "x",
      arch: "qwen2_vl",
      compatibility_type: "mlx",
      quantization: "4bit",
      state: "loaded",
      max_context_length: 32768,
      loaded_context_length: 4096,
      capabilities: ["tool_use"],
    },
    {
      id: "qwen2-vl",
      family: "qwen2_vl",
      format: "mlx",
      quantization: "4bit",
      contextLength: 4096,
      abilities: { completion: true, tools: true, vision: true },
    },
  ],
  [
    "LM Studio, v0, one that does not see",
    { id: "m", type: "llm", compatibility_type: "gguf" },
    { id: "m", format: "gguf", abilities: { vision: false } },
  ],
  [
    "LM Studio, v0, embedding",
    { id: "e", type: "embeddings", max_context_length: 2048 },
    { id: "e", abilities: only(["embedding"]), contextLength: 2048 },
  ],
  [
    "LM Studio, v1",
    {
      type: "llm",
      publisher: "google",
      key: "gemma",
      display_name: "Gemma",
      architecture: "gemma3",
      quantization: { name: "Q4_0", bits_per_weight: 4 },
      size_bytes: 241410208,
      params_string: "270M",
      loaded_instances: [{ id: "gemma", config: { context_length: 4096 } }],
      max_context_length: 32768,
      format: "gguf",
      capabilities: { vision: false, trained_for_tool_use: true },
    },
    {
      id: "gemma",
      family: "gemma3",
      format: "gguf",
      quantization: "Q4_0",
      size: 241410208,
      parameterSize: "270M",
      contextLength: 4096,
      abilities: { completion: true, tools: true, vision: false },
    },
  ],
  [
    "LM Studio, v1, not loaded, that can be told how to think",
    {
      type: "llm",
      key: "m",
      quantization: null,
      params_string: null,
      loaded_instances: [],
      max_context_length: 32768,
      capabilities: {
        vision: true,
        trained_for_tool_use: false,
        reasoning: { allowed_options: ["on", "off"], default: "on" },
      },
    },
    {
      id: "m",
      contextLength: 32768,
      abilities: { completion: true, tools: false, vision: true, thinking: true },
    },
  ],
  [
    "OpenRouter",
    {
      id: "openai/gpt-4o",
      created: 1715558400,
      context_length: 128000,
      architecture: {
        modality: "text+image->text",
        input_modalities: ["text", "image"],
        output_modalities: ["text"],
      },
      top_provider: { context_length: 64000 },
      supported_parameters: ["max_tokens", "tools", "response_format", "reasoning"],
    },
    {
      id: "openai/gpt-4o",
      created: 1715558400,
      contextLength: 128000,
      abilities: { completion: true, tools: true, vision: true, audio: false, thinking: true },
    },
  ],
  [
    "OpenRouter, without tools",
    { id: "m", supported_parameters: ["max_tokens"] },
    { id: "m", abilities: { tools: false, thinking: false } },
  ],
  [
    "OpenRouter, embedding",
    { id: "m", architecture: { input_modalities: ["text"], output_modalities: ["embeddings"] } },
    { id: "m", abilities: only(["embedding"]) },
  ],
  [
    "OpenRouter, without a length of its own",
    { id: "m", context_length: null, top_provider: { context_length: 64000 } },
    { id: "m", contextLength: 64000 },
  ],
  [
    "Groq",
    {
      id: "llama",
      object: "model",
      created: 1733447754,
      owned_by: "Meta",
      active: true,
      context_window: 131072,
    },
    { id: "llama", created: 1733447754, ownedBy: "Meta", contextLength: 131072 },
  ],
  [
    "Mistral",
    {
      id: "codestral",
      created: 1768405801,
      owned_by: "mistralai",
      capabilities: {
        completion_chat: true,
        function_calling: true,
        completion_fim: true,
        fine_tuning: true,
        vision: false,
      },
      max_context_length: 256000,
      type: "base",
    },
    {
      id: "codestral",
      created: 1768405801,
      ownedBy: "mistralai",
      contextLength: 256000,
      abilities: { completion: true, tools: true, insert: true, vision: false },
    },
  ],
  [
    "Together",
    {
      id: "m",
      object: "model",
      created: 1692896905,
      type: "chat",
      license: "llama2",
      context_length: 2048,
      pricing: {},
    },
    {
      id: "m",
      created: 1692896905,
      contextLength: 2048,
      license: "llama2",
      abilities: { completion: true },
    },
  ],
  [
    "GitHub",
    {
      id: "openai/gpt-4.1",
      limits: { max_input_tokens: 1048576, max_output_tokens: 32768 },
      capabilities: ["streaming", "tool-calling"],
      supported_input_modalities: ["text", "image"],
      supported_output_modalities: ["text"],
    },
    {
      id: "openai/gpt-4.1",
      contextLength: 1048576,
      abilities: { completion: true, tools: true, vision: true, audio: false },
    },
  ],
  [
    "Gemini",
    { id: "models/gemini-2.5-flash", object: "model", owned_by: "google" },
    { id: "models/gemini-2.5-flash", name: "gemini-2.5-flash", ownedBy: "google" },
  ],
  [
    "Anthropic",
    { type: "model", id: "claude", display_name: "Claude", created_at: "2025-02-19T00:00:00Z" },
    { id: "claude", created: 1739923200 },
  ],
  [
    "Anthropic, newer",
    {
      type: "model",
      id: "claude",
      max_input_tokens: 200000,
      capabilities: { thinking: { supported: true, types: {} }, image_input: { supported: false } },
    },
    {
      id: "claude",
      contextLength: 200000,
      abilities: { completion: true, thinking: true, vision: false },
    },
  ],
  [
    "TabbyAPI",
    { id: "m", created: 1750000000, owned_by: "tabbyAPI", parameters: { max_seq_len: 8192 } },
    { id: "m", created: 1750000000, ownedBy: "tabbyAPI", contextLength: 8192 },
  ],
  [
    "KoboldCpp",
    { id: "koboldcpp/m", created: 1, owned_by: "koboldcpp", permission: [], root: "koboldcpp" },
    { id: "koboldcpp/m", ownedBy: "koboldcpp" },
  ],
  [
    "Kimi",
    { id: "kimi", context_length: 262144, supports_image_in: true, supports_reasoning: false },
    {
      id: "kimi",
      contextLength: 262144,
      abilities: { completion: true, vision: true, thinking: false },
    },
  ],
  [
    "Fireworks",
    { id: "m", context_length: 131072, supports_tools: true, supports_image_input: false },
    {
      id: "m",
      contextLength: 131072,
      abilities: { completion: true, tools: true, vision: false },
    },
  ],
  [
    "Ollama's own list",
    {
      name: "smol:latest",
      model: "smol:latest",
      modified_at: "2026-11-23T09:27:13.206531116Z",
      size: 98362709,
      digest: "f99682536c58d000f099314953b41e1df45828d68c540ea893b5dacb46d20fe9",
      details: {
        parent_model: "SmolLM2-135M-Instruct.Q4_1.gguf",
        format: "gguf",
        family: "llama",
        families: ["llama"],
        parameter_size: "134.52M",
        quantization_level: "Q4_1",
        context_length: 8192,
        embedding_length: 576,
      },
      capabilities: ["completion"],
    },
    {
      id: "smol:latest",
      created: 1795426033.206,
      size: 98362709,
      madeFrom: "SmolLM2-135M-Instruct.Q4_1.gguf",
      format: "gguf",
      family: "llama",
      parameterSize: "134.52M",
      quantization: "Q4_1",
      contextLength: 8192,
      embeddingLength: 576,
      abilities: only(["completion"]),
    },
  ],
  [
    "one with Ollama's words",
    { id: "m", capabilities: ["completion", "tools"], embedding_length: 64 },
    { id: "m", abilities: only(["completion", "tools"]), embeddingLength: 64 },
  ],
  [
    "one with half of Ollama's words",
    { id: "m", capabilities: ["completion", "multimodal"] },
    { id: "m" },
  ],
  [
    "one with nonsense",
    {
      id: "m",
      created: "yesterday",
      context_length: -1,
      meta: [],
      owned_by: 5,
      max_model_len: "big",
      max_context_length: 1e308,
      capabilities: "all",
      architecture: { input_modalities: "all", output_modalities: [] },
      supported_parameters: { tools: true },
      quantization: { name: 4 },
      loaded_instances: [null],
      details: [],
      type: { toString: 1 },
    },
    { id: "m" },
  ],
];

test.each(entries)("%s: everything told is read, nothing is made up", (_, entry, told) => {
  expect(readModelList({ object: "list", data: [entry] })).toEqual([told]);
});

describe("a list may be", () => {
  const both = [{ id: "a" }, { id: "b" }];

  test.each<[string, unknown]>([
    ["in OpenAI's shape", { object: "list", data: both }],
    ["without its kind", { data: both }],
    ["a bare list", both],
    ["under models", { models: [{ name: "a" }, { name: "b" }] }],
    ["under both, OpenAI's counting", { models: [{ name: "x" }], data: both }],
    ["of plain names", ["a", "b"]],
  ])("%s", (_, list) => {
    expect(readModelList(list)).toEqual(both);
  });

  test.each([
    null,
    undefined,
    5,
    "x",
    {},
    { data: null },
    { data: "x" },
    { data: [null, 5, {}, { id: "" }, { id: 7 }] },
  ])("none at all: %j", (list) => {
    expect(readModelList(list)).toEqual([]);
  });
});

test.each(["image", "moderation", "rerank", "tts", "transcription", "video"])(
  "a model for %s is not listed, for no Ollama client could use it",
  (type) => {
    expect(
      readModelList([
        { id: "a", type },
        { id: "b", type: "base" },
      ]),
    ).toEqual([{ id: "b" }]);
  },
);

test("a model that only makes images is not listed", () => {
  const models = [
    { id: "a", architecture: { output_modalities: ["image"] } },
    { id: "b", architecture: { output_modalities: ["image", "text"] } },
  ];
  expect(readModelList(models)).toEqual([{ id: "b" }]);
});

test("copies and aliases of a model are models, each once", () => {
  const copies = [
    { key: "m", loaded_instances: [{ id: "m" }, { id: "m:2" }] },
    { id: "n", aliases: ["n", "o", "", 5] },
  ];
  expect(readModelList(copies).map(({ id }) => id)).toEqual(["m", "m:2", "n", "o"]);
});

test.each<[string, unknown, number | undefined]>([
  ["seconds", 1_700_000_000, 1_700_000_000],
  ["milliseconds", 1_700_000_000_500, 1_700_000_000.5],
  ["microseconds", 1_700_000_000_000_000, 1_700_000_000],
  ["RFC 3339", "2023-11-14T22:13:20Z", 1_700_000_000],
  ["RFC 3339 with a zone", "2023-11-14T23:13:20+01:00", 1_700_000_000],
  ["nothing at all", 0, undefined],
  ["a placeholder", 1, undefined],
  ["the epoch", "1970-01-01T00:00:00Z", undefined],
  ["no date", "soon", undefined],
  ["a far future", "9999-12-31T00:00:00Z", undefined],
  ["less than nothing", -5, undefined],
])("the date of a model may be told in %s", (_, created, seconds) => {
  expect(readModelList([{ id: "m", created }])[0]?.created).toBe(seconds);
});

test.each<[string, unknown, string | undefined]>([
  ["a repository", "Qwen/Qwen3-8B", "Qwen/Qwen3-8B"],
  ["a file", "qwen.gguf", "qwen.gguf"],
  ["a path", "/home/me/models/qwen.gguf", "qwen.gguf"],
  ["a folder", "/home/me/models/Qwen3-8B/", "Qwen3-8B"],
  ["a path in a home", "~/qwen.gguf", "qwen.gguf"],
  ["a path from here", "./models/qwen.gguf", "qwen.gguf"],
  ["a path of Windows", "C:\\models\\qwen.gguf", "qwen.gguf"],
  ["no name", "///", undefined],
  ["no text", 5, undefined],
])("what a model is made from is told without the server's folders: %s", (_, root, told) => {
  expect(readModelList([{ id: "m", root }])[0]?.madeFrom).toBe(told);
});
