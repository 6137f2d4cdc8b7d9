import { asArray, asCount, asObject, asText, isObject, type JsonObject } from "../openai/json.ts";
import { isOfOtherKind, readAbilities, type Abilities } from "./abilities.ts";
import { quantizationName } from "./quantization.ts";

/** What a backend tells of one model; whatever it does not tell is absent. */
export interface ModelEntry {
  /** The id that the backend knows it by. */
  readonly id: string;
  /** What clients are to see instead of the id. */
  readonly name?: string;
  /** Seconds since 1970. */
  readonly created?: number;
  readonly abilities?: Abilities;
  readonly contextLength?: number;
  readonly embeddingLength?: number;
  readonly parameterCount?: number;
  /** As the backend writes it: `134.52M`. */
  readonly parameterSize?: string;
  /** Bytes. */
  readonly size?: number;
  readonly family?: string;
  readonly quantization?: string;
  readonly format?: string;
  readonly license?: string;
  /** A real Ollama's own entry. */
  readonly listed?: JsonObject;
  /** The file or repository that is served under the id. */
  readonly madeFrom?: string;
  readonly ownedBy?: string;
}

/** What is told of a model whatever it is called. */
export type ModelMetadata = Omit<ModelEntry, "id" | "name">;

/**
 * A model list in OpenAI's shape, a bare array, or `{models}`. llama.cpp's aliases and the loaded
 * copies of LM Studio are models too.
 */
export function readModelList(list: unknown): ModelEntry[] {
  const object = asObject(list);
  const entries = asArray(object?.["data"] ?? object?.["models"] ?? list);
  return entries.flatMap((entry) => {
    const id = idOf(entry);
    if (id === undefined) return [];
    if (!isObject(entry)) return [{ id }];
    if (isOfOtherKind(entry)) return [];
    const copies = [...asArray(entry["aliases"]), ...asArray(entry["loaded_instances"])];
    const ids = new Set([id, ...copies.flatMap((copy) => idOf(copy) ?? [])]);
    const metadata = readMetadata(entry);
    return [...ids].map((name) => ({ id: name, ...shownName(name, entry), ...metadata }));
  });
}

function idOf(entry: unknown): string | undefined {
  const id = asText(isObject(entry) ? (entry["id"] ?? entry["key"] ?? entry["name"]) : entry);
  return id?.trim() === "" ? undefined : id;
}

/** Google's ids are paths, which its API takes with and without their first part. */
function shownName(id: string, entry: JsonObject): { name?: string } {
  const isGoogles = entry["owned_by"] === "google" && id.startsWith("models/");
  return isGoogles ? { name: id.slice("models/".length) } : {};
}

export function readMetadata(entry: JsonObject): ModelMetadata {
  const meta = asObject(entry["meta"]);
  const details = asObject(entry["details"]);
  const quantization =
    asText(meta?.["ftype"]) ??
    asText(entry["quantization"]) ??
    asText(asObject(entry["quantization"])?.["name"]) ??
    asText(details?.["quantization_level"]);
  const embeddingLengths = [
    entry["embedding_length"],
    meta?.["n_embd"],
    details?.["embedding_length"],
  ];
  return {
    ...saidAbilities(readAbilities(entry)),
    ...present("created", firstKnown(creationDates(entry).map(asSeconds))),
    ...present("contextLength", firstCount(contextLengths(entry, meta, details))),
    ...present("embeddingLength", firstCount(embeddingLengths)),
    ...present("parameterCount", firstCount([meta?.["n_params"]])),
    ...present(
      "parameterSize",
      asText(entry["params_string"]) ?? asText(details?.["parameter_size"]),
    ),
    ...present("size", firstCount([meta?.["size"], entry["size_bytes"], entry["size"]])),
    ...present("family", firstText(families(entry, details))),
    ...present("quantization", quantization && quantizationName(quantization)),
    ...present("format", firstText(formats(entry, details))),
    ...present("license", asText(entry["license"])),
    ...present("madeFrom", fileOrRepository(rootOf(entry) ?? details?.["parent_model"])),
    ...present("ownedBy", asText(entry["owned_by"])),
  };
}

/** The length in use first, then the one the model was made for. */
function contextLengths(
  entry: JsonObject,
  meta: JsonObject | undefined,
  details: JsonObject | undefined,
): unknown[] {
  const [instance] = asArray(entry["loaded_instances"]);
  return [
    meta?.["n_ctx"],
    entry["loaded_context_length"],
    asObject(asObject(instance)?.["config"])?.["context_length"],
    asObject(entry["parameters"])?.["max_seq_len"],
    entry["max_model_len"],
    entry["context_length"],
    entry["context_window"],
    entry["max_context_length"],
    details?.["context_length"],
    asObject(entry["top_provider"])?.["context_length"],
    asObject(entry["limits"])?.["max_input_tokens"],
    entry["max_input_tokens"],
    meta?.["n_ctx_train"],
  ];
}

function families(entry: JsonObject, details: JsonObject | undefined): unknown[] {
  return [entry["arch"], entry["architecture"], entry["family"], details?.["family"]];
}

function formats(entry: JsonObject, details: JsonObject | undefined): unknown[] {
  return [entry["format"], entry["compatibility_type"], details?.["format"]];
}

/** KoboldCpp's is its own name. */
function rootOf(entry: JsonObject): unknown {
  return entry["root"] === entry["owned_by"] ? undefined : entry["root"];
}

/** The folders of a server are not for its clients to see. */
function fileOrRepository(path: unknown): string | undefined {
  const text = asText(path);
  const isPath = text !== undefined && /^(?:[/\\~.]|[a-z]:\\)/i.test(text);
  return isPath ? text.split(/[/\\]/).findLast((part) => /\w/.test(part)) : text;
}

function creationDates(entry: JsonObject): unknown[] {
  return [entry["created"], entry["created_at"], entry["modified_at"]];
}

/** Earlier dates are placeholders, later ones no dates. */
const firstDate = Date.UTC(2000) / 1000;
const lastDate = Date.UTC(2100) / 1000;

/** Seconds, or the milliseconds, microseconds or nanoseconds that some send, or RFC 3339. */
function asSeconds(value: unknown): number | undefined {
  let seconds = typeof value === "string" ? Date.parse(value) / 1000 : asCount(value);
  while (seconds !== undefined && seconds > 1e11) seconds /= 1000;
  return seconds !== undefined && seconds >= firstDate && seconds < lastDate ? seconds : undefined;
}

/** A whole number of at least 1. */
export function firstCount(values: readonly unknown[]): number | undefined {
  const counts = values.map((value) => Math.floor(asCount(value) ?? 0));
  return counts.find((count) => count >= 1 && Number.isSafeInteger(count));
}

/** Those of which nothing was said are absent. */
export function saidAbilities(abilities: Abilities): { abilities?: Abilities } {
  return Object.keys(abilities).length === 0 ? {} : { abilities };
}

function firstText(values: readonly unknown[]): string | undefined {
  return firstKnown(values.map(asText));
}

function firstKnown<Value>(values: readonly (Value | undefined)[]): Value | undefined {
  return values.find((value) => value !== undefined);
}

function present<Key extends keyof ModelMetadata>(
  key: Key,
  value: ModelMetadata[Key] | undefined,
): Partial<Pick<ModelMetadata, Key>> {
  return value === undefined ? {} : ({ [key]: value } as Pick<ModelMetadata, Key>);
}
