import { createHash } from "node:crypto";
import type { Config } from "../config/schema.ts";
import { comparableName, withTag } from "../ollama/model-name.ts";
import { asObject, asText, type JsonObject } from "../openai/json.ts";
import type { Capability, ListedModel, ModelDetails, ShowResponse } from "../ollama/responses.ts";
import type { ConfiguredDialect } from "../upstream/known-dialect.ts";
import { explain, sources, type Explanation } from "./explanation.ts";
import { gatherFacts, isGuess, type ConfiguredFacts, type Facts } from "./facts.ts";
import type { LibraryModel } from "./library.ts";
import { firstCount } from "./model-entry.ts";
import { parameterLines, writeModelfile } from "./modelfile.ts";
import { fileType } from "./quantization.ts";
import type { ModelMessage } from "./virtual-model.ts";

/** What a request needs to know of its model. */
export interface ModelFacts {
  readonly capabilities: readonly Capability[];
  /** Whether somebody said of each whether the model has it; what is guessed refuses nothing. */
  readonly capabilitiesKnown: boolean;
  /** What the configuration or the backend says that it can't do. */
  readonly denied: readonly Capability[];
  /** Tokens. */
  readonly contextLength: number;
  /** Whether the configuration or the backend told it. */
  readonly contextLengthKnown: boolean;
  /** What the configuration says of the model's dialect. */
  readonly configured: ConfiguredDialect;
}

export interface Card extends ShowResponse {
  readonly system?: string;
  readonly messages?: readonly ModelMessage[];
}

/** What the configuration says of a model. */
type Configured = ConfiguredDialect & ConfiguredFacts;

interface Known {
  readonly facts: Facts;
  readonly digest: string;
}

/** What Ollama's clients are told of models. */
export class Cards {
  readonly #configured: ReadonlyMap<string, Configured>;
  readonly #defaults: { readonly contextLength: number; readonly modifiedAt: string };
  /** It stays the same for as long as the catalog keeps the model. */
  readonly #known = new WeakMap<LibraryModel, Known>();

  /** @param since when a model without a date of its own counts as changed */
  constructor(config: Pick<Config, "models" | "context_length">, since: Date) {
    const models = Object.entries(config.models);
    this.#configured = new Map(models.map(([name, model]) => [comparableName(name), model]));
    this.#defaults = { contextLength: config.context_length, modifiedAt: since.toISOString() };
  }

  facts(model: LibraryModel): ModelFacts {
    const { abilities, contextLength } = this.#gather(model).facts;
    const known = [...abilities].filter(([, fact]) => !isGuess(fact));
    return {
      capabilities: able(abilities),
      capabilitiesKnown: known.length === abilities.size,
      denied: known.flatMap(([capability, { value }]) => (value ? [] : [capability])),
      contextLength: contextLength.value,
      contextLengthKnown: !isGuess(contextLength),
      configured: this.#configuration(model),
    };
  }

  listed(model: LibraryModel): ListedModel {
    const { facts, digest } = this.#gather(model);
    return {
      name: model.name,
      model: model.name,
      modified_at: modifiedAt(model, facts),
      size: facts.size.value,
      digest,
      details: {
        ...details(model, facts),
        context_length: facts.contextLength.value,
        ...(facts.embeddingLength === undefined
          ? {}
          : { embedding_length: facts.embeddingLength.value }),
      },
      capabilities: able(facts.abilities),
    };
  }

  /** @param verbose also tells who says what is no guess */
  shown(model: LibraryModel, verbose = false): Card {
    const { facts } = this.#gather(model);
    const { name, upstream, virtual } = model;
    const {
      system,
      template,
      parameters = {},
      messages = [],
      license = [],
    } = virtual?.merged ?? {};
    return {
      license: license.length > 0 ? license.join("\n") : facts.license.value,
      modelfile: writeModelfile({
        name,
        comments: [
          `Served by the ${kindOf(upstream)} "${upstream.id}" through ollama-openai-proxy,`,
          "which applies its own template and parameters.",
          ...(model.stale
            ? ["It did not answer when last asked; this is what it told before."]
            : []),
        ],
        from: virtual?.chain.at(-1)?.from ?? name,
        merged: virtual?.merged ?? {},
      }),
      parameters: parameterLines({ num_ctx: facts.contextLength.value, ...parameters }),
      template: template ?? usualTemplate(able(facts.abilities)),
      ...(system === undefined ? {} : { system }),
      details: details(model, facts),
      ...(messages.length > 0 ? { messages } : {}),
      model_info: {
        // Twice: what the model was created with comes after it and must not contradict it.
        ...modelInfo(name, facts),
        ...createdInfo(model),
        ...modelInfo(name, facts),
        ...sources(facts, verbose),
      },
      capabilities: able(facts.abilities),
      modified_at: modifiedAt(model, facts),
    };
  }

  /** Bytes. */
  size(model: LibraryModel): number {
    return this.#gather(model).facts.size.value;
  }

  details(model: LibraryModel): ModelDetails {
    return details(model, this.#gather(model).facts);
  }

  digest(model: LibraryModel): string {
    return this.#gather(model).digest;
  }

  /** Every fact of a card, with its source. */
  explain(model: LibraryModel): readonly Explanation[] {
    return explain(this.#gather(model).facts);
  }

  #gather(model: LibraryModel): Known {
    const kept = this.#known.get(model);
    if (kept !== undefined) return kept;
    const facts = gatherFacts(model.entry, this.#configuration(model), this.#defaults);
    const known = { facts, digest: digestOf(model, facts) };
    this.#known.set(model, known);
    return known;
  }

  /** A virtual model's own counts first, then what it was created with, then its base's. */
  #configuration({ name, entry, virtual }: LibraryModel): Configured {
    const named = (wanted: string): Configured =>
      this.#configured.get(comparableName(wanted)) ?? {};
    if (virtual === undefined) return named(name);
    const { chain, merged } = virtual;
    const contextLength = firstCount([merged.info["context_length"]]);
    const base = chain.at(-1)?.from ?? entry.id;
    const own = chain.reduceRight<Configured>(
      (inner, outer) => ({ ...inner, ...named(outer.name) }),
      {},
    );
    const isAdded = merged.capabilities !== undefined && own.capabilities === undefined;
    return {
      ...named(entry.id),
      ...named(base),
      ...(isAdded ? { added: merged.capabilities } : {}),
      ...(contextLength === undefined ? {} : { context_length: contextLength }),
      ...own,
    };
  }
}

function modifiedAt({ entry, virtual }: LibraryModel, facts: Facts): string {
  const { modified_at: listed } = entry.listed ?? {};
  return virtual?.chain[0].modified_at ?? asText(listed) ?? facts.modifiedAt.value;
}

function able(abilities: Facts["abilities"]): readonly Capability[] {
  return [...abilities].flatMap(([capability, { value }]) => (value ? [capability] : []));
}

/** Unique and stable; it changes with the capabilities, which some clients keep by digest. */
function digestOf({ name, upstream, entry, virtual }: LibraryModel, facts: Facts): string {
  const { digest } = entry.listed ?? {};
  if (virtual === undefined && typeof digest === "string") return digest;
  const identity = [upstream.id, entry.id, name, able(facts.abilities), virtual?.chain ?? []];
  return createHash("sha256").update(JSON.stringify(identity)).digest("hex");
}

/** For the card's reader. */
function kindOf({ kind }: LibraryModel["upstream"]): string {
  return kind === "ollama" ? "Ollama" : "OpenAI-compatible backend";
}

function details({ entry, virtual }: LibraryModel, facts: Facts): ModelDetails {
  const base = virtual?.chain[0].from;
  const own: ModelDetails = {
    // The CLI's `/save` takes it for the base of what it saves, so it must be a model's name here.
    parent_model: base === undefined ? "" : withTag(base),
    format: facts.format.value,
    family: facts.architecture.value,
    families: [facts.architecture.value],
    parameter_size: facts.parameterSize.value,
    quantization_level: facts.quantization.value,
  };
  return virtual === undefined ? withTold(own, asObject(entry.listed?.["details"]) ?? {}) : own;
}

/** What a real Ollama tells goes over ours, but for what clients could not read: some is null there. */
function withTold(own: ModelDetails, told: JsonObject): ModelDetails {
  const readable = Object.entries(told).filter(([name, value]) => {
    if (name === "families") return isTexts(value);
    return name in own ? typeof value === "string" : isOther(name) && value !== null;
  });
  return { ...own, ...Object.fromEntries(readable) };
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((item) => asText(item));
}

/** Members that are not among the facts. */
function isOther(name: string): boolean {
  return name !== "context_length" && name !== "embedding_length";
}

function modelInfo(name: string, facts: Facts): Readonly<Record<string, string | number>> {
  const architecture = facts.architecture.value;
  const type = isGuess(facts.quantization) ? undefined : fileType(facts.quantization.value);
  return {
    "general.architecture": architecture,
    "general.basename": name.replace(/:latest$/, ""),
    ...(type === undefined ? {} : { "general.file_type": type }),
    ...(facts.parameterCount === undefined
      ? {}
      : { "general.parameter_count": facts.parameterCount.value }),
    [`${architecture}.context_length`]: facts.contextLength.value,
    ...(facts.embeddingLength === undefined
      ? {}
      : { [`${architecture}.embedding_length`]: facts.embeddingLength.value }),
  };
}

/** Of what a model was created with: names without a point are settings of Ollama's own. */
function createdInfo({ virtual }: LibraryModel): Readonly<Record<string, unknown>> {
  const members = Object.entries(virtual?.merged.info ?? {});
  return Object.fromEntries(members.filter(([name]) => name.includes(".")));
}

/**
 * Not what the backend fills in, which nobody tells: clients look here for `.Tools`, for `tools` and
 * for `.Suffix` to learn what a model can do.
 */
function usualTemplate(known: readonly Capability[]): string {
  if (!known.includes("completion")) return "{{ .Prompt }}";
  return [
    "{{- /* The backend applies its own template. */ -}}",
    "{{ .System }}",
    ...(known.includes("tools") ? [" {{ if .Tools }}<tools>{{ .Tools }}</tools>{{ end }}"] : []),
    " {{ .Prompt }}",
    ...(known.includes("insert") ? [" {{ .Suffix }}"] : []),
  ].join("");
}
