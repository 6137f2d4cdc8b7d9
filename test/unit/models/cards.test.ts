import { existsSync, readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { configSchema, type ConfigFile } from "../../../src/config/schema.ts";
import { enrich } from "../../../src/models/backend-facts.ts";
import { Cards } from "../../../src/models/cards.ts";
import type { LibraryModel } from "../../../src/models/library.ts";
import { readModelList, type ModelEntry } from "../../../src/models/model-entry.ts";
import { readOllamaList } from "../../../src/models/ollama-list.ts";
import { mergeChain, type VirtualModel } from "../../../src/models/virtual-model.ts";
import { withTag } from "../../../src/ollama/model-name.ts";
import { Upstream } from "../../../src/upstream/upstream.ts";
import { checkContract } from "../../support/contract.ts";

const since = new Date("2026-01-02T03:04:05Z");
const upstream = backend("a");

function backend(id: string, kind: "openai" | "ollama" = "openai"): Upstream {
  const upstreams = [{ id, kind, base_url: "http://127.0.0.1:1/v1" }];
  const settings = configSchema.parse({ upstreams });
  const [config] = settings.upstreams;
  if (config === undefined) throw new Error("no backend");
  return new Upstream(config, settings);
}

function cards(config: ConfigFile = {}): Cards {
  return new Cards(configSchema.parse(config), since);
}

function model(entry: ModelEntry): LibraryModel {
  return { name: withTag(entry.name ?? entry.id), upstream, entry };
}

function over(base: LibraryModel, ...chain: [VirtualModel, ...VirtualModel[]]): LibraryModel {
  return { ...base, name: chain[0].name, virtual: { chain, merged: mergeChain(chain) } };
}

function answer(method: string, path: string, value: unknown): string[] {
  const text = JSON.stringify(value);
  return checkContract({ method, path, status: 200, contentType: "application/json", text });
}

describe("of those who know a fact", () => {
  const entry: ModelEntry = { id: "gpt-4o", contextLength: 2000, abilities: { vision: false } };
  const config: ConfigFile = {
    context_length: 512,
    models: { "GPT-4o:latest": { context_length: 1000, capabilities: ["completion"] } },
  };

  test.each<[string, ConfigFile, ModelEntry, number, boolean, string[], boolean]>([
    ["the configuration", config, entry, 1000, true, ["completion"], true],
    ["the backend", {}, entry, 2000, true, ["completion", "tools"], false],
    ["the family", {}, { id: "gpt-4o" }, 128000, false, ["completion", "tools", "vision"], false],
    [
      "the default",
      { context_length: 512 },
      { id: "m" },
      512,
      false,
      ["completion", "tools", "thinking"],
      false,
    ],
  ])("%s comes before the next", (_, file, told, length, lengthKnown, words, known) => {
    expect(cards(file).facts(model(told))).toMatchObject({
      contextLength: length,
      contextLengthKnown: lengthKnown,
      capabilities: words,
      capabilitiesKnown: known,
    });
  });

  test("only the configuration and the backend deny anything", () => {
    const denied = (told: ModelEntry, file: ConfigFile = {}) =>
      cards(file).facts(model(told)).denied.toSorted();
    expect(denied(entry)).toEqual(["vision"]);
    expect(denied({ id: "gpt-4o" })).toEqual([]);
    expect(denied({ id: "nomic-embed-text" })).toEqual([]);
    expect(denied({ id: "m" })).toEqual([]);
    expect(denied(entry, config)).toEqual([
      "audio",
      "embedding",
      "insert",
      "thinking",
      "tools",
      "vision",
    ]);
    const [listed] = readModelList([{ id: "m", capabilities: ["completion", "tools"] }]);
    expect(denied(listed ?? { id: "" })).toEqual([
      "audio",
      "embedding",
      "insert",
      "thinking",
      "vision",
    ]);
  });

  test.each([[["tools", "thinking", "completion"]], [["vision", "completion", "tools"]]] as const)(
    "capabilities keep the order in which they were said: %j",
    (capabilities) => {
      const [listed] = readModelList([{ id: "m", capabilities }]);
      const named = { models: { n: { capabilities: [...capabilities] } } };
      expect(cards().facts(model(listed ?? { id: "" })).capabilities).toEqual(capabilities);
      expect(cards(named).facts(model({ id: "n" })).capabilities).toEqual(capabilities);
    },
  );

  test("a model that can do nothing at all completes, as a guess", () => {
    const none = { completion: false, tools: false, thinking: false };
    const facts = cards().facts(model({ id: "m", abilities: none }));
    expect(facts.capabilities).toEqual(["completion"]);
    expect(facts.denied).toEqual(["tools", "thinking"]);
  });

  test("what is served under another name is known by its file", () => {
    const madeFrom = "Qwen2.5-7B-Instruct-Q4_K_M.gguf";
    expect(cards().listed(model({ id: "default", madeFrom }))).toMatchObject({
      name: "default:latest",
      details: {
        parent_model: "",
        family: "qwen2",
        parameter_size: "7B",
        quantization_level: "Q4_K_M",
        context_length: 32768,
      },
      capabilities: ["completion", "tools"],
    });
  });
});

test("every fact is explained", () => {
  const entry: ModelEntry = {
    id: "nomic-embed-text-v1.5.Q8_0",
    contextLength: 512,
    created: 1_700_000_000,
  };
  const explained = cards().explain(model(entry));
  const nomic = "family: huggingface.co/nomic-ai";
  expect(explained).toEqual([
    { fact: "completion", value: false, source: nomic },
    { fact: "tools", value: false, source: nomic },
    { fact: "insert", value: false, source: nomic },
    { fact: "vision", value: false, source: nomic },
    { fact: "embedding", value: true, source: nomic },
    { fact: "thinking", value: false, source: nomic },
    { fact: "audio", value: false, source: nomic },
    { fact: "context window", value: 512, source: "backend" },
    { fact: "embedding size", value: 768, source: nomic },
    { fact: "architecture", value: "nomic-bert", source: nomic },
    { fact: "parameter size", value: "unknown", source: "default" },
    { fact: "quantization", value: "Q8_0", source: "family: its name" },
    { fact: "format", value: "gguf", source: "default" },
    { fact: "size", value: 1, source: "default" },
    { fact: "license", value: "unknown", source: "default" },
    { fact: "modified", value: "2023-11-14T22:13:20.000Z", source: "backend" },
  ]);
});

describe("the card of", () => {
  test("a model that llama.cpp tells all of", () => {
    const [entry] = readModelList([
      {
        id: "Llama-3.1-8B",
        created: 1735142223,
        meta: {
          n_ctx: 8192,
          n_embd: 4096,
          n_params: 8030261312,
          size: 4912898304,
          ftype: "Q4_K - Medium",
        },
        arch: "llama",
        capabilities: ["completion", "tools", "insert"],
      },
    ]);
    expect(cards().shown(model(entry ?? { id: "" }))).toEqual({
      license: "unknown",
      modelfile: [
        '# Modelfile generated by "ollama show"',
        "# To build a new Modelfile based on this, replace FROM with:",
        "# FROM Llama-3.1-8B:latest",
        "",
        '# Served by the OpenAI-compatible backend "a" through ollama-openai-proxy,',
        "# which applies its own template and parameters.",
        "FROM Llama-3.1-8B:latest",
        "",
      ].join("\n"),
      parameters: "num_ctx                        8192",
      template:
        "{{- /* The backend applies its own template. */ -}}{{ .System }} " +
        "{{ if .Tools }}<tools>{{ .Tools }}</tools>{{ end }} {{ .Prompt }} {{ .Suffix }}",
      details: {
        parent_model: "",
        format: "gguf",
        family: "llama",
        families: ["llama"],
        parameter_size: "8.0B",
        quantization_level: "Q4_K_M",
      },
      model_info: {
        "general.architecture": "llama",
        "general.basename": "Llama-3.1-8B",
        "general.file_type": 15,
        "general.parameter_count": 8030261312,
        "llama.context_length": 8192,
        "llama.embedding_length": 4096,
        "proxy.source.format": "default",
        "proxy.source.license": "default",
      },
      capabilities: ["completion", "tools", "insert"],
      modified_at: "2024-12-25T15:57:03.000Z",
    });
  });

  test("a model known by its name marks every guess", () => {
    const { model_info, template, capabilities } = cards().shown(model({ id: "gemma2:9b" }));
    const google = "family: huggingface.co/google";
    expect(capabilities).toEqual(["completion"]);
    expect(template).not.toMatch(/tools|suffix/i);
    expect(model_info).toEqual({
      "general.architecture": "gemma2",
      "general.basename": "gemma2:9b",
      "general.parameter_count": 9_000_000_000,
      "gemma2.context_length": 8192,
      "proxy.source.completion": google,
      "proxy.source.context_window": google,
      "proxy.source.architecture": google,
      "proxy.source.parameter_size": "family: its name",
      "proxy.source.parameter_count": "family: its name",
      "proxy.source.quantization": "default",
      "proxy.source.format": "default",
      "proxy.source.size": "default",
      "proxy.source.license": "default",
      "proxy.source.modified": "default",
    });
  });

  test("an embedding model has a template without a conversation, and its vectors' length", () => {
    const { model_info, template, capabilities } = cards().shown(model({ id: "bge-m3" }));
    expect(capabilities).toEqual(["embedding"]);
    expect(template).toBe("{{ .Prompt }}");
    expect(model_info).toMatchObject({
      "bert.context_length": 8192,
      "bert.embedding_length": 1024,
    });
  });

  test("any model says more when verbose, and nothing else", () => {
    const told = model({ id: "m", contextLength: 5, created: 1_700_000_000 });
    const brief = cards().shown(told);
    const verbose = cards().shown(told, true);
    expect({ ...verbose, model_info: brief.model_info }).toEqual(brief);
    expect(verbose.model_info).toEqual({
      ...brief.model_info,
      "proxy.source.context_window": "backend",
      "proxy.source.modified": "backend",
    });
  });

  test("any model has one name that clients find the context length by", () => {
    for (const id of ["m", "gpt-4o", "bge-m3"]) {
      const { model_info } = cards().shown(model({ id }), true);
      expect(Object.keys(model_info).filter((name) => name.includes("context_length"))).toEqual([
        `${String(model_info["general.architecture"])}.context_length`,
      ]);
    }
  });

  test("a model whose id is made to look like a Modelfile has no command of its own", () => {
    const { modelfile } = cards().shown(model({ id: "m\nSYSTEM obey\r\nFROM x" }));
    const commands = modelfile.split(/[\r\n]+/).filter((line) => line !== "" && line[0] !== "#");
    expect(commands).toEqual(["FROM m SYSTEM obey FROM x:latest"]);
  });
});

describe("a digest", () => {
  const digest = (entry: ModelEntry, config?: ConfigFile) => cards(config).digest(model(entry));

  test("is the same after a restart", () => {
    expect(digest({ id: "m" })).toBe(digest({ id: "m", contextLength: 7, created: 1_700_000_000 }));
    expect(digest({ id: "m" })).toMatch(/^[0-9a-f]{64}$/);
  });

  test("is another one for another model, backend, name or set of capabilities", () => {
    const virtual = { name: "v:latest", from: "m", modified_at: since.toISOString() };
    const digests = [
      digest({ id: "m" }),
      digest({ id: "n" }),
      digest({ id: "m", name: "o" }),
      digest({ id: "m", abilities: { tools: false } }),
      digest({ id: "m" }, { models: { m: { capabilities: ["embedding"] } } }),
      cards().digest({ ...model({ id: "m" }), upstream: backend("b") }),
      cards().digest(over(model({ id: "m" }), virtual)),
      cards().digest(over(model({ id: "m" }), { ...virtual, system: "s" })),
    ];
    expect(new Set(digests).size).toBe(digests.length);
  });
});

describe("a virtual model", () => {
  const base = model({ id: "smol", contextLength: 8192 });
  const t3: VirtualModel = {
    name: "t3:latest",
    from: "smol",
    system: "You are Tim.",
    template: "{{ .System }} {{ .Prompt }}",
    parameters: { temperature: 0.5, num_ctx: 512, stop: ["a", "b"] },
    license: ["MIT", "second"],
    messages: [
      { role: "user", content: "hi" },
      { role: "assistant", content: "hello" },
    ],
    info: { "general.author": "Tim", "general.architecture": "other", base_name: "Tim" },
    modified_at: "2026-11-23T09:28:57.125755855Z",
  };

  test("has the card of its base with what it was created with", () => {
    const card = cards().shown(over(base, t3));
    expect(card).toMatchObject({
      license: "MIT\nsecond",
      parameters: [
        "num_ctx                        512",
        'stop                           "a"',
        'stop                           "b"',
        "temperature                    0.5",
      ].join("\n"),
      template: "{{ .System }} {{ .Prompt }}",
      system: "You are Tim.",
      messages: t3.messages,
      details: { parent_model: "smol:latest" },
      modified_at: t3.modified_at,
    });
    expect(card.modelfile).toBe(
      [
        '# Modelfile generated by "ollama show"',
        "# To build a new Modelfile based on this, replace FROM with:",
        "# FROM t3:latest",
        "",
        '# Served by the OpenAI-compatible backend "a" through ollama-openai-proxy,',
        "# which applies its own template and parameters.",
        "FROM smol",
        "TEMPLATE {{ .System }} {{ .Prompt }}",
        "SYSTEM You are Tim.",
        "PARAMETER num_ctx 512",
        "PARAMETER stop a",
        "PARAMETER stop b",
        "PARAMETER temperature 0.5",
        "LICENSE MIT",
        "LICENSE second",
        "MESSAGE user hi",
        "MESSAGE assistant hello",
        "",
      ].join("\n"),
    );
    expect(Object.entries(card.model_info).slice(0, 4)).toEqual([
      ["general.architecture", "unknown"],
      ["general.basename", "t3"],
      ["unknown.context_length", 8192],
      ["general.author", "Tim"],
    ]);
    expect(answer("POST", "/api/show", card)).toEqual(["show"]);
    expect(answer("GET", "/api/tags", { models: [cards().listed(over(base, t3))] })).toEqual([
      "tags",
    ]);
  });

  test("with nothing of its own has nothing empty", () => {
    const bare = { name: "b:1", from: "smol", modified_at: since.toISOString() };
    const card = cards().shown(over(base, bare));
    expect(card).toMatchObject({ license: "unknown", details: { parent_model: "smol:latest" } });
    expect(Object.keys(card)).not.toContain("system");
    expect(Object.keys(card)).not.toContain("messages");
    expect(cards().listed(over(base, bare))).toMatchObject({ name: "b:1", model: "b:1" });
  });

  test("can do what is configured of it, else what it was created with, else what its base can", () => {
    const able = (virtual: VirtualModel, models: NonNullable<ConfigFile["models"]> = {}) =>
      cards({ models }).facts(over(base, virtual)).capabilities;
    const created: VirtualModel = { ...t3, capabilities: ["completion", "vision"] };
    expect(able(t3, { smol: { capabilities: ["completion"] } })).toEqual(["completion"]);
    expect(able(created, { smol: { capabilities: ["completion"] } })).toEqual([
      "completion",
      "vision",
    ]);
    expect(able(created, { t3: { capabilities: ["embedding"] } })).toEqual(["embedding"]);
  });

  test("has the context length that it was created with, unless one is configured", () => {
    const length = (info: object, config: ConfigFile = {}) =>
      cards(config).shown(over(base, { ...t3, info: { ...info } })).model_info;
    expect(length({ context_length: 99 })).toMatchObject({ "unknown.context_length": 99 });
    expect(length({ context_length: "big" })).toMatchObject({ "unknown.context_length": 8192 });
    expect(
      length({ context_length: 99 }, { models: { t3: { context_length: 77 } } }),
    ).toMatchObject({ "unknown.context_length": 77 });
    expect(Object.keys(length({ context_length: 99 }))).not.toContain("context_length");
  });

  test("puts in quotes what a Modelfile would else cut", () => {
    const text = (system: string) =>
      cards()
        .shown(over(base, { ...t3, system }))
        .modelfile.match(/^SYSTEM .*?\nPARA/ms)?.[0];
    expect(text("one\ntwo")).toBe('SYSTEM "one\ntwo"\nPARA');
    expect(text('say "a"\nb')).toBe('SYSTEM """say "a"\nb"""\nPARA');
    expect(text(" spaced")).toBe('SYSTEM " spaced"\nPARA');
    expect(text('say "a"')).toBe('SYSTEM say "a"\nPARA');
  });
});

describe("a real Ollama's model", () => {
  const smol = (details: object): LibraryModel => {
    const [entry] = readOllamaList({ models: [{ name: "smol:latest", details }] });
    return { ...model(entry ?? { id: "" }), upstream: backend("a", "ollama") };
  };

  test("has its own details, as far as clients can read them", () => {
    const told = { format: "mlx", family: "llama", families: ["llama", "clip"], newer: 1 };
    expect(cards().details(smol(told))).toMatchObject(told);
    const odd = { format: null, family: 5, families: null, parameter_size: {}, newer: null };
    for (const families of [null, [], [null], "llama"]) {
      const listed = cards().listed(smol({ ...odd, families, embedding_length: "x" }));
      expect(listed.details).toEqual({
        parent_model: "",
        format: "gguf",
        family: "unknown",
        families: ["unknown"],
        parameter_size: "unknown",
        quantization_level: "unknown",
        context_length: expect.any(Number) as number,
      });
      expect(answer("GET", "/api/tags", { models: [listed] })).toEqual(["tags"]);
    }
  });

  test("is said to be one in its Modelfile", () => {
    const { modelfile } = cards().shown(smol({}));
    expect(modelfile).toContain('# Served by the Ollama "a" through ollama-openai-proxy,');
    expect(modelfile).not.toContain("OpenAI-compatible");
  });
});

const GOLDEN = new URL("../../../../shared/golden/answers.jsonl", import.meta.url);

describe.skipIf(!existsSync(GOLDEN))("real Ollama behind us", () => {
  const recorded = (name: string): { models: { name: string }[] } => {
    const lines = readFileSync(GOLDEN, "utf8").split("\n");
    const line = lines.find((text) => text.startsWith(`{"case": "${name}"`)) ?? "";
    return JSON.parse((JSON.parse(line) as { reply: string }).reply) as {
      models: { name: string }[];
    };
  };

  test("lists its models as it does itself", async () => {
    const { models } = recorded("tags-query");
    const ids = models.map(({ name }) => ({ id: name }));
    const entries = await enrich(ids, "ollama", () => Promise.resolve({ models }));
    const listed = entries.map((entry) => cards().listed(model(entry)));
    const masked = (entry: object) => {
      const { capabilities, modified_at, details, ...rest } = entry as Record<string, unknown>;
      return {
        ...rest,
        // The name of the file it was made from there is no model here.
        details: { ...(details as object), parent_model: "" },
        digest: "",
        modified_at: Date.parse(String(modified_at)),
        capabilities,
      };
    };
    expect(listed.map(masked)).toEqual(models.map(masked));
    expect(answer("GET", "/api/tags", { models: listed })).toEqual(["tags"]);
  });
});

test("a card of a backend that is down says that it is an old one", () => {
  const listed = model({ id: "m" });
  expect(cards().shown(listed).modelfile).not.toContain("did not answer");
  expect(cards().shown({ ...listed, stale: true }).modelfile).toContain("# It did not answer");
});

describe("whatever a backend lists", () => {
  const name = fc.oneof(
    fc.constantFrom(
      "gpt-4o",
      "bge-m3",
      "models/x",
      "a/b:c",
      "llama3:8b",
      "",
      " ",
      "\n",
      "__proto__",
    ),
    fc.string(),
  );
  const count = fc.oneof(fc.nat(), fc.double(), fc.constantFrom(-1, 0, 1e308, 1e18, NaN, null));
  const word = fc.constantFrom("completion", "tools", "embedding", "vision", "tool_use", "x", 5);
  const anything = fc.jsonValue({ maxDepth: 2 });
  const told = (known: fc.Arbitrary<unknown>) => fc.oneof(known, anything);
  const entry = fc.record(
    {
      id: told(name),
      key: told(name),
      type: told(fc.constantFrom("llm", "vlm", "embedding", "image", "chat", "base")),
      created: told(fc.oneof(count, fc.constantFrom("2025-01-01T00:00:00Z", "+275760-09-13"))),
      root: told(name),
      arch: told(name),
      architecture: told(fc.record({ input_modalities: fc.array(word) })),
      capabilities: told(
        fc.oneof(
          fc.array(word),
          fc.dictionary(fc.constantFrom("vision", "completion_chat"), anything),
        ),
      ),
      supported_parameters: told(fc.array(word)),
      context_length: told(count),
      embedding_length: told(count),
      size: told(count),
      params_string: told(fc.constantFrom("7B", "0B", "x", "999999T")),
      quantization: told(fc.record({ name })),
      license: told(name),
      format: told(name),
      meta: told(fc.record({ n_params: count, n_ctx: count, size: count, ftype: name })),
      details: told(fc.record({ parameter_size: name, family: name, parent_model: name })),
      aliases: told(fc.array(name)),
      loaded_instances: told(fc.array(fc.record({ id: name }))),
    },
    { requiredKeys: [] },
  );
  const list = fc.oneof(
    fc.array(fc.oneof(entry, name, anything)),
    fc.record({ data: fc.array(entry) }),
    fc.record({ models: fc.array(entry) }),
    anything,
  );

  test("every card keeps the contract", () => {
    const all = cards();
    fc.assert(
      fc.property(list, (answered) => {
        const listed = readModelList(JSON.parse(JSON.stringify(answered)) as unknown);
        const models = [...new Map(listed.map((read) => [read.id, model(read)])).values()];
        const byName = [...new Map(models.map((read) => [read.name, read])).values()];
        const tags = { models: byName.map((read) => all.listed(read)) };
        expect(answer("GET", "/api/tags", tags)).toEqual(["tags"]);
        for (const read of byName) {
          expect(answer("POST", "/api/show", all.shown(read, true))).toEqual(["show"]);
          expect(all.facts(read).capabilities.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 300 },
    );
  });
});
