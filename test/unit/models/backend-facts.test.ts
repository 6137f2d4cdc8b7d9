import { describe, expect, test } from "vitest";
import { only } from "../../../src/models/abilities.ts";
import { enrich, type Ask } from "../../../src/models/backend-facts.ts";
import type { ModelEntry } from "../../../src/models/model-entry.ts";

/** A backend that has these routes only, and a list of what it was asked. */
function backend(routes: Readonly<Record<string, unknown>>): { ask: Ask; asked: string[] } {
  const asked: string[] = [];
  const ask: Ask = (path, body) => {
    asked.push(body === undefined ? path : `${path} ${JSON.stringify(body)}`);
    return Object.hasOwn(routes, path)
      ? Promise.resolve(routes[path])
      : Promise.reject(new Error("404"));
  };
  return { ask, asked };
}

const PROPS = {
  default_generation_settings: { n_ctx: 8192, params: {} },
  total_slots: 1,
  model_alias: "m",
  model_ftype: "Q4_K - Medium",
  model_path: "/home/me/models/Qwen3-8B-Q4_K_M.gguf",
  modalities: { vision: false, video: false, audio: true },
  chat_template: "{% for message in messages %}{{ message.content }}{% endfor %}",
  build_info: "b1",
};
const STUDIO = {
  type: "llm",
  key: "gemma",
  architecture: "gemma3",
  quantization: { name: "Q4_0", bits_per_weight: 4 },
  loaded_instances: [{ id: "gemma", config: { context_length: 4096 } }],
  max_context_length: 32768,
  capabilities: { vision: true, trained_for_tool_use: false },
};
const OLDER_STUDIO = { id: "gemma", type: "vlm", arch: "gemma3", loaded_context_length: 2048 };
const SMOL = {
  name: "smol:latest",
  details: { family: "llama", parameter_size: "134.52M", quantization_level: "Q4_1" },
};

const told: readonly (readonly [
  what: string,
  dialect: string,
  routes: Readonly<Record<string, unknown>>,
  more: object,
])[] = [
  [
    "llama.cpp: length of a slot, senses, file, and signs in the template",
    "llamacpp",
    { "origin:/props": PROPS },
    {
      contextLength: 8192,
      madeFrom: "Qwen3-8B-Q4_K_M.gguf",
      quantization: "Q4_K_M",
      abilities: { completion: true, vision: false, audio: true, tools: false, thinking: false },
    },
  ],
  [
    "llama.cpp: a template with places for tools and thoughts",
    "llamacpp",
    {
      "origin:/props": {
        chat_template: "{% if tools %}{{ tools | tojson }}{% endif %}{% if enable_thinking %}",
      },
    },
    { abilities: { tools: true, thinking: true } },
  ],
  [
    "llama.cpp: what it found out itself counts more than signs",
    "llamacpp",
    {
      "origin:/props": {
        chat_template: "{{ messages }}",
        chat_template_caps: {
          supports_object_arguments: true,
          supports_parallel_tool_calls: true,
          supports_preserve_reasoning: true,
          supports_reasoning_effort: false,
          supports_string_content: true,
          supports_system_role: true,
          supports_tool_calls: true,
          supports_tools: true,
          supports_typed_content: false,
        },
      },
    },
    { abilities: { tools: true, thinking: true } },
  ],
  [
    "llama.cpp: it found no place for tools",
    "llamacpp",
    {
      "origin:/props": {
        chat_template: "{{ tools }}",
        chat_template_caps: { supports_tool_calls: false, supports_preserve_reasoning: false },
      },
    },
    { abilities: { tools: false, thinking: false } },
  ],
  [
    "llama.cpp: a router has nothing to tell",
    "llamacpp",
    { "origin:/props": { role: "router", default_generation_settings: { n_ctx: 0 } } },
    {},
  ],
  [
    "LM Studio",
    "lmstudio",
    {
      "origin:/api/v1/models": { models: [STUDIO] },
      "origin:/api/v0/models": { data: [OLDER_STUDIO] },
    },
    {
      family: "gemma3",
      quantization: "Q4_0",
      contextLength: 4096,
      abilities: { completion: true, vision: true, tools: false },
    },
  ],
  [
    "older LM Studio, which says 200 to routes that it doesn't have",
    "lmstudio",
    {
      "origin:/api/v1/models": { error: "Unexpected endpoint or method." },
      "origin:/api/v0/models": { data: [OLDER_STUDIO] },
    },
    { family: "gemma3", contextLength: 2048, abilities: { completion: true, vision: true } },
  ],
  [
    "KoboldCpp",
    "koboldcpp",
    {
      "origin:/api/extra/true_max_context_length": { value: 16384 },
      "origin:/api/extra/version": {
        result: "KoboldCpp",
        version: "1",
        vision: true,
        audio: false,
      },
    },
    { contextLength: 16384, abilities: { completion: true, vision: true, audio: false } },
  ],
  [
    "TabbyAPI, of the model that is loaded",
    "tabbyapi",
    { "/model": { id: "gemma", parameters: { max_seq_len: 4096 } } },
    { contextLength: 4096 },
  ],
  [
    "TabbyAPI, of another model",
    "tabbyapi",
    { "/model": { id: "other", parameters: { max_seq_len: 4096 } } },
    {},
  ],
  [
    "TGI",
    "tgi",
    { "origin:/info": { model_id: "google/gemma-3-4b-it", max_total_tokens: 4096 } },
    { contextLength: 4096, madeFrom: "google/gemma-3-4b-it" },
  ],
  [
    "SGLang",
    "sglang",
    {
      "origin:/get_model_info": {
        model_path: "google/gemma-3-4b-it",
        is_generation: true,
        has_image_understanding: true,
        has_audio_understanding: false,
      },
    },
    {
      madeFrom: "google/gemma-3-4b-it",
      abilities: { completion: true, vision: true, audio: false },
    },
  ],
  [
    "SGLang, embedding",
    "sglang",
    { "origin:/get_model_info": { model_path: "BAAI/bge-m3", is_generation: false } },
    { madeFrom: "BAAI/bge-m3", abilities: only(["embedding"]) },
  ],
];

test.each(told)("%s", async (_, dialect, routes, more) => {
  const entry: ModelEntry = { id: "gemma", ownedBy: "me" };
  expect(await enrich([entry], dialect, backend(routes).ask)).toEqual([{ ...entry, ...more }]);
});

test("what the list told and the other route does not stays", async () => {
  const listed: ModelEntry = { id: "gemma", contextLength: 1, size: 5, abilities: { audio: true } };
  const routes = { "origin:/api/v1/models": { models: [STUDIO] } };
  expect(await enrich([listed, { id: "other" }], "lmstudio", backend(routes).ask)).toEqual([
    {
      ...listed,
      family: "gemma3",
      quantization: "Q4_0",
      contextLength: 4096,
      abilities: { audio: true, completion: true, vision: true, tools: false },
    },
    { id: "other" },
  ]);
});

describe("Ollama", () => {
  test("that tells the capabilities in its list is not asked to show", async () => {
    const { ask, asked } = backend({
      "origin:/api/tags": { models: [{ ...SMOL, capabilities: ["completion"] }] },
    });
    expect(await enrich([{ id: "smol:latest" }], "ollama", ask)).toEqual([
      {
        id: "smol:latest",
        family: "llama",
        parameterSize: "134.52M",
        quantization: "Q4_1",
        abilities: only(["completion"]),
      },
    ]);
    expect(asked).toEqual(["origin:/api/tags"]);
  });

  test("that does not is asked for each model", async () => {
    const { ask, asked } = backend({
      "origin:/api/tags": { models: [SMOL] },
      "origin:/api/show": {
        capabilities: ["completion", "tools"],
        details: SMOL.details,
        model_info: {
          "general.architecture": "llama",
          "general.parameter_count": 134515008,
          "llama.context_length": 8192,
          "llama.embedding_length": 576,
        },
      },
    });
    const ids = ["smol:latest", "b", "c", "d", "e", "f"];
    const entries = await enrich(
      ids.map((id) => ({ id })),
      "ollama",
      ask,
    );
    expect(entries.map(({ id }) => id)).toEqual(ids);
    for (const entry of entries) {
      expect(entry).toMatchObject({
        family: "llama",
        parameterCount: 134515008,
        contextLength: 8192,
        embeddingLength: 576,
        abilities: only(["completion", "tools"]),
      });
    }
    expect(asked).toEqual([
      "origin:/api/tags",
      ...ids.map((model) => `origin:/api/show {"model":"${model}"}`),
    ]);
  });
});

describe("no news", () => {
  const entries: readonly ModelEntry[] = [{ id: "m", contextLength: 5 }];
  const dialects = [...new Set(told.map(([, dialect]) => dialect)), "ollama"];

  test.each(["openai", "generic", "vllm", "constructor", ""])("%j is asked nothing", async (id) => {
    const { ask, asked } = backend({});
    expect(await enrich(entries, id, ask)).toBe(entries);
    expect(asked).toEqual([]);
  });

  test.each(dialects)("%s without its routes", async (dialect) => {
    expect(await enrich(entries, dialect, backend({}).ask)).toEqual(entries);
  });

  test.each(dialects)("%s with nonsense on its routes", async (dialect) => {
    const nonsense: unknown[] = [
      null,
      5,
      "<html>",
      [],
      {},
      [[]],
      { models: [{ id: "m", capabilities: { vision: "yes" } }] },
      { value: -1, model_id: {}, id: 5 },
      { chat_template: { toString: 1 }, chat_template_caps: [], modalities: "all" },
      { model_info: { "general.architecture": { toString: 1 } }, capabilities: [{}] },
    ];
    for (const body of nonsense) {
      expect(await enrich(entries, dialect, () => Promise.resolve(body))).toEqual(entries);
    }
  });

  test("a backend that never answers is not waited for", async () => {
    const silent: Ask = () => new Promise(() => {});
    const waited = await Promise.all(
      ["llamacpp", "lmstudio", "ollama"].map((dialect) => enrich(entries, dialect, silent)),
    );
    expect(waited).toEqual([entries, entries, entries]);
  });
});
