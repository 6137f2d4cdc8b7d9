import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dialectIds, type DialectId } from "../../../src/dialects/dialects.ts";
import { ProxyError } from "../../../src/errors.ts";
import { dialectOfModelList, probeDialect } from "../../../src/upstream/detection.ts";

const llamacppModel = {
  id: "gemma",
  aliases: [],
  object: "model",
  created: 1735142223,
  owned_by: "llamacpp",
  meta: { vocab_type: 2, n_vocab: 128256, n_ctx: 8192, n_ctx_train: 131072, n_embd: 4096 },
};
const vllmModel = {
  id: "Qwen/Qwen3-8B",
  object: "model",
  created: 1750000000,
  owned_by: "vllm",
  root: "Qwen/Qwen3-8B",
  parent: null,
  max_model_len: 40960,
};
const lmstudioModel = {
  id: "qwen2-vl-7b-instruct",
  object: "model",
  type: "vlm",
  publisher: "mlx-community",
  arch: "qwen2_vl",
  compatibility_type: "mlx",
  quantization: "4bit",
  state: "not-loaded",
  max_context_length: 32768,
  capabilities: ["tool_use"],
};
const openrouterModel = {
  id: "openai/gpt-4o",
  name: "OpenAI: GPT-4o",
  created: 1715558400,
  context_length: 128000,
  top_provider: { context_length: 128000, max_completion_tokens: 16384, is_moderated: true },
  supported_parameters: ["max_tokens", "tools"],
};
const mistralModel = {
  id: "codestral-2501",
  object: "model",
  owned_by: "mistralai",
  capabilities: { completion_chat: true, completion_fim: true, vision: false },
  max_context_length: 256000,
};

describe("a list of models tells", () => {
  test.each<[what: string, list: unknown, id: DialectId]>([
    [
      "llama.cpp",
      { models: [{ name: "gemma" }], object: "list", data: [llamacppModel] },
      "llamacpp",
    ],
    ["llama.cpp while it loads", { data: [{ ...llamacppModel, meta: null }] }, "llamacpp"],
    ["a relative of llama.cpp", { data: [{ ...llamacppModel, owned_by: "someone" }] }, "llamacpp"],
    ["vLLM", { object: "list", data: [vllmModel] }, "vllm"],
    ["a relative of vLLM", { data: [{ ...vllmModel, owned_by: "someone" }] }, "vllm"],
    ["SGLang", { data: [{ ...vllmModel, owned_by: "sglang", max_model_len: 131072 }] }, "sglang"],
    ["LM Studio", { object: "list", data: [lmstudioModel] }, "lmstudio"],
    [
      "LM Studio's OpenAI route",
      { data: [{ id: "x", object: "model", owned_by: "organization_owner" }] },
      "lmstudio",
    ],
    [
      "llama-cpp-python",
      { data: [{ id: "x", object: "model", owned_by: "me", permissions: [] }] },
      "llama-cpp-python",
    ],
    [
      "Ollama, second in its list",
      {
        data: [
          { id: "me/own:latest", object: "model", owned_by: "somebody" },
          { id: "qwen3:8b", object: "model", created: 1, owned_by: "library" },
        ],
      },
      "ollama",
    ],
    [
      "KoboldCpp",
      { data: [{ id: "koboldcpp/x", object: "model", created: 1, owned_by: "koboldcpp" }] },
      "koboldcpp",
    ],
    ["TabbyAPI", { data: [{ id: "x", object: "model", owned_by: "tabbyAPI" }] }, "tabbyapi"],
    ["OpenRouter", { data: [openrouterModel] }, "openrouter"],
    ["Mistral", { object: "list", data: [mistralModel] }, "mistral"],
    ["a bare list", [vllmModel], "vllm"],
  ])("%s", (_, list, id) => {
    expect(dialectOfModelList(list)).toBe(id);
  });

  test.each<[what: string, list: unknown]>([
    ["of OpenAI", { data: [{ id: "gpt-4o", object: "model", created: 1, owned_by: "system" }] }],
    ["of mlx-lm", { data: [{ id: "mlx-community/x", object: "model", created: 1 }] }],
    ["of LocalAI", { object: "list", data: [{ id: "x", object: "model" }] }],
    ["of Together", [{ id: "a/b", object: "model", type: "chat", organization: "a" }]],
    ["with an owner named as a member of every object", { data: [{ owned_by: "constructor" }] }],
    ["that is empty", { data: [] }],
    ["that is none", "Not Found"],
    ["that is absent", undefined],
    ["with holes", { data: [null, 1, "x", []] }],
  ])("nothing: one %s", (_, list) => {
    expect(dialectOfModelList(list)).toBeUndefined();
  });
});

const props = {
  default_generation_settings: { id: 0, n_ctx: 8192, params: { seed: 4294967295 } },
  total_slots: 1,
  model_path: "gemma.gguf",
};
const tags = {
  models: [{ name: "x:latest", model: "x:latest", size: 1, digest: "sha256:0", details: {} }],
};
const plainList = { object: "list", data: [{ id: "x", object: "model" }] };
const lmstudioModels = {
  models: [{ type: "llm", key: "google/gemma", loaded_instances: [], max_context_length: 32768 }],
};

describe("a probe finds", () => {
  test.each<[what: string, bodies: Readonly<Record<string, unknown>>, id: DialectId]>([
    ["llama.cpp", { "origin:/props": props, "/models": { data: [llamacppModel] } }, "llamacpp"],
    [
      "llama.cpp, which has Ollama's list",
      { "origin:/props": props, "origin:/api/tags": tags },
      "llamacpp",
    ],
    [
      "llama.cpp, though another route looks like vLLM's",
      { "origin:/props": props, "/models": { data: [vllmModel] } },
      "llamacpp",
    ],
    ["LM Studio 0.4", { "origin:/api/v1/models": lmstudioModels }, "lmstudio"],
    ["LM Studio 0.3", { "origin:/api/v0/models": { data: [lmstudioModel] } }, "lmstudio"],
    [
      "vLLM",
      { "origin:/version": { version: "0.11.0" }, "/models": { data: [vllmModel] } },
      "vllm",
    ],
    [
      "SGLang, whatever its list says",
      {
        "origin:/get_model_info": { model_path: "a/b", tokenizer_path: "a/b", is_generation: true },
        "/models": { data: [{ ...vllmModel, owned_by: "someone" }] },
      },
      "sglang",
    ],
    [
      "KoboldCpp, which has routes of llama.cpp and of Ollama",
      {
        "origin:/api/extra/version": { result: "KoboldCpp", version: "1.97.1" },
        "origin:/props": props,
        "origin:/api/tags": tags,
        "/models": plainList,
      },
      "koboldcpp",
    ],
    [
      "NIM, which has the list of vLLM",
      {
        "origin:/v1/health/ready": { object: "health.response", message: "Service is ready." },
        "/models": { data: [{ ...vllmModel, owned_by: "system" }] },
      },
      "nim",
    ],
    [
      "TGI",
      { "origin:/info": { model_id: "a/b", max_total_tokens: 4096, max_input_tokens: 4095 } },
      "tgi",
    ],
    [
      "LocalAI",
      { "origin:/system": { backends: ["llama-cpp"], loaded_models: [] }, "/models": plainList },
      "localai",
    ],
    [
      "TabbyAPI",
      { "origin:/v1/model": { id: "x", object: "model", parameters: { max_seq_len: 4096 } } },
      "tabbyapi",
    ],
    ["Ollama", { "origin:/api/tags": tags, "/models": plainList }, "ollama"],
    ["Ollama without models", { "origin:/api/tags": { models: [] } }, "ollama"],
  ])("%s", async (_, bodies, id) => {
    expect(await probe(answering(bodies))).toBe(id);
  });

  test("LM Studio, whose answer to the other routes is 200 and no news", async () => {
    const anything = { error: "Unexpected endpoint or method. (GET /x). Returning 200 anyway" };
    expect(await probe(() => Promise.resolve(anything))).toBeUndefined();
    const bodies: Record<string, unknown> = { "origin:/api/v1/models": lmstudioModels };
    expect(await probe((path) => Promise.resolve(bodies[path] ?? anything))).toBe("lmstudio");
  });

  test("nothing in a list without marks, nor where no route is known", async () => {
    const nothing = { id: undefined, because: "its address alone" };
    const plain = answering({ "/models": plainList });
    expect(await probeDialect(undefined, plain)).toEqual(nothing);
    expect(await probeDialect(undefined, answering({}))).toEqual(nothing);
  });

  test("nobody where nobody answers", async () => {
    const codes = ["upstream_unreachable", "upstream_timeout"] as const;
    let asked = 0;
    const silent = () => Promise.reject(new ProxyError(codes[asked++ % 2] ?? "internal", "gone"));
    expect(await probeDialect(undefined, silent)).toBeUndefined();
    expect(asked).toBeGreaterThan(8);
    expect(await probeDialect(plainList, silent)).toMatchObject({ because: "its address alone" });
  });

  test.each<[what: string, bodies: Readonly<Record<string, unknown>>, because: string]>([
    ["a route that is surer", { "origin:/props": props, "origin:/api/tags": tags }, "its routes"],
    ["the list, as other routes are less sure", { "origin:/api/tags": tags }, "its model list"],
  ])("by %s, without asking for the list again", async (_, bodies, because) => {
    const list = { data: [llamacppModel] };
    const asked: string[] = [];
    const answer = answering(bodies);
    const found = await probeDialect(list, (path) => {
      asked.push(path);
      return answer(path);
    });
    expect(found).toEqual({ id: "llamacpp", because });
    expect(asked).not.toContain("/models");
  });

  test("asks for all at once", async () => {
    const asked: string[] = [];
    const never = new Promise<never>(() => {});
    void probeDialect(undefined, (path) => {
      asked.push(path);
      return never;
    });
    expect(asked.length).toBeGreaterThan(8);
    expect(new Set(asked).size).toBe(asked.length);
  });
});

describe("any JSON at all", () => {
  const someId = [...dialectIds, undefined];

  /** JSON, with the members that detection looks at more often than by chance. */
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.jsonValue(),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(
        fc.constantFrom(
          "data",
          "models",
          "owned_by",
          "meta",
          "capabilities",
          "parameters",
          "result",
          "message",
          "max_model_len",
          "default_generation_settings",
          "__proto__",
        ),
        tie("value"),
        { maxKeys: 4 },
      ),
    ),
  })).value;

  test("as a list of models gives a dialect or none", () => {
    fc.assert(
      fc.property(json, (list) => {
        expect(someId).toContain(dialectOfModelList(list));
      }),
    );
  });

  test("as the answer to a probe gives a dialect or none", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(json, { minLength: 1, maxLength: 12 }), async (bodies) => {
        let asked = 0;
        const answer = () => Promise.resolve(bodies[asked++ % bodies.length]);
        expect(someId).toContain(await probe(answer));
      }),
    );
  });
});

/** The kind of a server whose list is not known. */
async function probe(getJson: Parameters<typeof probeDialect>[1]) {
  return (await probeDialect(undefined, getJson))?.id;
}

/** A server with these routes. */
function answering(bodies: Readonly<Record<string, unknown>>) {
  return (path: string) =>
    path in bodies ? Promise.resolve(bodies[path]) : Promise.reject(new Error("404"));
}
