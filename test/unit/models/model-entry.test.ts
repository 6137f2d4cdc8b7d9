import { describe, expect, test } from "vitest";
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
    { id: "Qwen/Qwen3-8B", created: 1750000000, ownedBy: "vllm", contextLength: 40960 },
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
      quantization: "Q4_K - Medium",
    },
  ],
  ["llama.cpp, older", { id: "m", meta: { n_ctx_train: 4096 } }, { id: "m", contextLength: 4096 }],
  ["llama.cpp, loading", { id: "m", meta: null }, { id: "m" }],
  [
    "LM Studio",
    {
      id: "qwen2-vl",
      object: "model",
      type: "vlm",
      publisher: "x",
      arch: "qwen2_vl",
      quantization: "4bit",
      state: "loaded",
      max_context_length: 32768,
      loaded_context_length: 4096,
      capabilities: ["tool_use"],
    },
    { id: "qwen2-vl", family: "qwen2_vl", quantization: "4bit", contextLength: 4096 },
  ],
  [
    "LM Studio, embedding",
    { id: "e", type: "embeddings", max_context_length: 2048 },
    { id: "e", capabilities: ["embedding"], contextLength: 2048 },
  ],
  [
    "OpenRouter",
    {
      id: "openai/gpt-4o",
      created: 1715558400,
      context_length: 128000,
      architecture: { modality: "text" },
      top_provider: { context_length: 64000 },
    },
    { id: "openai/gpt-4o", created: 1715558400, contextLength: 128000 },
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
      capabilities: { completion_chat: true, vision: false },
      max_context_length: 256000,
      type: "base",
    },
    { id: "codestral", created: 1768405801, ownedBy: "mistralai", contextLength: 256000 },
  ],
  [
    "Together",
    {
      id: "m",
      object: "model",
      created: 1692896905,
      type: "chat",
      context_length: 2048,
      pricing: {},
    },
    { id: "m", created: 1692896905, contextLength: 2048 },
  ],
  [
    "GitHub",
    {
      id: "openai/gpt-4.1",
      limits: { max_input_tokens: 1048576, max_output_tokens: 32768 },
      capabilities: ["streaming", "tool-calling"],
    },
    { id: "openai/gpt-4.1", contextLength: 1048576 },
  ],
  [
    "Gemini",
    { id: "models/gemini-2.5-flash", object: "model", owned_by: "google" },
    { id: "models/gemini-2.5-flash", ownedBy: "google" },
  ],
  [
    "Anthropic",
    { type: "model", id: "claude", display_name: "Claude", created_at: "2025-02-19T00:00:00Z" },
    { id: "claude" },
  ],
  [
    "one with Ollama's words",
    { id: "m", capabilities: ["completion", "tools"], embedding_length: 64 },
    { id: "m", capabilities: ["completion", "tools"], embeddingLength: 64 },
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
      capabilities: "all",
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
        { id: "b", type: "chat" },
      ]),
    ).toEqual([{ id: "b" }]);
  },
);
