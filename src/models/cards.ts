import { createHash } from "node:crypto";
import type { Config } from "../config/schema.ts";
import { comparableName } from "../ollama/model-name.ts";
import type { Capability, ListedModel, ModelDetails, ShowResponse } from "../ollama/responses.ts";
import type { ConfiguredDialect } from "../upstream/known-dialect.ts";
import type { CatalogModel } from "./catalog.ts";

/** What a model of which nothing is known is taken to do; it is never refused anything. */
const presumed: readonly Capability[] = ["completion", "tools", "thinking"];

/** What is known of a model: the configuration first, then its backend, then a cautious default. */
export interface ModelFacts {
  readonly capabilities: readonly Capability[];
  /** Whether anybody said so; what is only presumed is no ground to refuse a request. */
  readonly capabilitiesKnown: boolean;
  /** Tokens. */
  readonly contextLength: number;
  /** Whether anybody told it; else it is the configuration's default. */
  readonly contextLengthKnown: boolean;
  /** What the configuration says of the model's dialect. */
  readonly configured: ConfiguredDialect;
}

export class Cards {
  readonly #config: Pick<Config, "models" | "context_length">;
  /** When a model without a date of its own counts as changed. */
  readonly #since: string;

  constructor(config: Pick<Config, "models" | "context_length">, since: Date) {
    this.#config = config;
    this.#since = since.toISOString();
  }

  facts({ name, entry }: CatalogModel): ModelFacts {
    const wanted = comparableName(name);
    const configured = Object.entries(this.#config.models).find(
      ([key]) => comparableName(key) === wanted,
    )?.[1];
    const capabilities = configured?.capabilities ?? entry.capabilities;
    const contextLength = configured?.context_length ?? entry.contextLength;
    return {
      capabilities: capabilities ?? presumed,
      capabilitiesKnown: capabilities !== undefined,
      contextLength: contextLength ?? this.#config.context_length,
      contextLengthKnown: contextLength !== undefined,
      configured: configured ?? {},
    };
  }

  listed(model: CatalogModel): ListedModel {
    const { capabilities, contextLength } = this.facts(model);
    const { embeddingLength } = model.entry;
    return {
      name: model.name,
      model: model.name,
      modified_at: this.#modifiedAt(model),
      size: this.size(model),
      digest: digest(model, capabilities),
      details: {
        ...details(model),
        context_length: contextLength,
        ...(embeddingLength === undefined ? {} : { embedding_length: embeddingLength }),
      },
      capabilities,
    };
  }

  shown(model: CatalogModel): ShowResponse {
    const { capabilities, contextLength } = this.facts(model);
    return {
      license: "unknown",
      modelfile: modelfile(model),
      parameters: `num_ctx                        ${contextLength}`,
      template: template(capabilities),
      details: details(model),
      model_info: modelInfo(model, contextLength),
      capabilities,
      modified_at: this.#modifiedAt(model),
    };
  }

  /** Of the file; told by the backend, else guessed from the number of parameters, else 1. */
  size({ entry }: CatalogModel): number {
    return Math.round(entry.size ?? (entry.parameterCount ?? 2) / 2);
  }

  details(model: CatalogModel): ModelDetails {
    return details(model);
  }

  digest(model: CatalogModel): string {
    return digest(model, this.facts(model).capabilities);
  }

  #modifiedAt({ entry }: CatalogModel): string {
    const { created } = entry;
    if (created === undefined || created < 1) return this.#since;
    const milliseconds = created > 1e11 ? created : created * 1000;
    return new Date(Math.min(milliseconds, 8.64e15)).toISOString();
  }
}

/** Unique and stable; it changes with the capabilities, which some clients keep by digest. */
function digest({ upstream, entry }: CatalogModel, capabilities: readonly Capability[]): string {
  return createHash("sha256")
    .update(JSON.stringify([upstream.id, entry.id, capabilities]))
    .digest("hex");
}

function details({ entry }: CatalogModel): ModelDetails {
  const family = entry.family ?? "unknown";
  return {
    parent_model: "",
    format: "gguf",
    family,
    families: [family],
    parameter_size:
      entry.parameterCount === undefined ? "unknown" : shortCount(entry.parameterCount),
    quantization_level: entry.quantization ?? "unknown",
  };
}

/** 134515008 → `134.52M`, as Ollama writes it. */
function shortCount(count: number): string {
  if (count >= 1e12) return `${(count / 1e12).toFixed(1)}T`;
  if (count >= 1e9) return `${(count / 1e9).toFixed(1)}B`;
  if (count >= 1e6) return `${(count / 1e6).toFixed(2)}M`;
  return count >= 1e3 ? `${(count / 1e3).toFixed(1)}K` : String(count);
}

function modelInfo(
  { name, entry }: CatalogModel,
  contextLength: number,
): ShowResponse["model_info"] {
  const architecture = entry.family ?? "unknown";
  return {
    "general.architecture": architecture,
    "general.basename": name.replace(/:latest$/, ""),
    ...(entry.parameterCount === undefined
      ? {}
      : { "general.parameter_count": entry.parameterCount }),
    [`${architecture}.context_length`]: contextLength,
    ...(entry.embeddingLength === undefined
      ? {}
      : { [`${architecture}.embedding_length`]: entry.embeddingLength }),
  };
}

function modelfile({ name, upstream, entry }: CatalogModel): string {
  return [
    '# Modelfile generated by "ollama show"',
    "# To build a new Modelfile based on this, replace FROM with:",
    `# FROM ${name}`,
    "",
    `# ${name} is served by the OpenAI-compatible backend "${upstream.id}" through ollama-openai-proxy.`,
    `# The backend applies its own template and parameters.`,
    `FROM ${entry.id}`,
    "",
  ].join("\n");
}

/** Clients look for `.Tools` and `.Suffix` here to learn what a model can do. */
function template(capabilities: readonly Capability[]): string {
  const slots = [
    "{{ .System }}",
    ...(capabilities.includes("tools") ? ["{{ .Tools }}"] : []),
    "{{ .Prompt }}",
    ...(capabilities.includes("insert") ? ["{{ .Suffix }}"] : []),
  ];
  return `{{- /* The backend applies its own template. */ -}}${slots.join(" ")}`;
}
