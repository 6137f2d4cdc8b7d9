import { isCapability, type Capability } from "../ollama/responses.ts";
import { asArray, asCount, asObject, asText, isObject, type JsonObject } from "../openai/json.ts";

/** What a backend's list tells of one model; whatever it does not tell is absent. */
export interface ModelEntry {
  /** The id that the backend knows it by. */
  readonly id: string;
  /** Seconds since 1970. */
  readonly created?: number;
  readonly capabilities?: readonly Capability[];
  readonly contextLength?: number;
  readonly embeddingLength?: number;
  readonly parameterCount?: number;
  /** Bytes. */
  readonly size?: number;
  readonly family?: string;
  readonly quantization?: string;
  readonly ownedBy?: string;
}

/** Kinds of models that no Ollama client can use. */
const otherTypes = new Set(["image", "moderation", "rerank", "tts", "transcription", "video"]);

/** A model list in OpenAI's shape, a bare array, or `{models}`; llama.cpp's aliases are models too. */
export function readModelList(list: unknown): ModelEntry[] {
  const object = asObject(list);
  const entries = asArray(object?.["data"] ?? object?.["models"] ?? list);
  return entries.flatMap((entry) => {
    const id = asText(isObject(entry) ? (entry["id"] ?? entry["name"]) : entry);
    if (id === undefined) return [];
    if (!isObject(entry)) return [{ id }];
    if (otherTypes.has(asText(entry["type"]) ?? "")) return [];
    const aliases = asArray(entry["aliases"]).flatMap((alias) => asText(alias) ?? []);
    return [...new Set([id, ...aliases])].map((name) => readEntry(name, entry));
  });
}

function readEntry(id: string, entry: JsonObject): ModelEntry {
  const meta = asObject(entry["meta"]);
  const capabilities = readCapabilities(entry);
  return {
    id,
    ...(capabilities === undefined ? {} : { capabilities }),
    ...present("created", asCount(entry["created"])),
    ...present("contextLength", firstCount(contextLengths(entry, meta))),
    ...present("embeddingLength", firstCount([entry["embedding_length"], meta?.["n_embd"]])),
    ...present("parameterCount", firstCount([meta?.["n_params"]])),
    ...present("size", firstCount([meta?.["size"], entry["size_bytes"]])),
    ...present("quantization", asText(meta?.["ftype"]) ?? asText(entry["quantization"])),
    ...present("family", asText(entry["arch"]) ?? asText(entry["family"])),
    ...present("ownedBy", asText(entry["owned_by"])),
  };
}

/** The length in use first, then the one the model was made for. */
function contextLengths(entry: JsonObject, meta: JsonObject | undefined): unknown[] {
  return [
    meta?.["n_ctx"],
    entry["loaded_context_length"],
    entry["max_model_len"],
    entry["context_length"],
    entry["context_window"],
    entry["max_context_length"],
    asObject(entry["top_provider"])?.["context_length"],
    asObject(entry["limits"])?.["max_input_tokens"],
    meta?.["n_ctx_train"],
  ];
}

/** Ollama's own words only: a backend that lists other words has told nothing we can use. */
function readCapabilities(entry: JsonObject): readonly Capability[] | undefined {
  if (entry["type"] === "embedding" || entry["type"] === "embeddings") return ["embedding"];
  const listed = asArray(entry["capabilities"]);
  return listed.length > 0 && listed.every(isCapability) ? listed : undefined;
}

function firstCount(values: readonly unknown[]): number | undefined {
  return values.map(asCount).find((value) => value !== undefined && value > 0);
}

function present<Key extends keyof ModelEntry>(
  key: Key,
  value: ModelEntry[Key],
): Partial<ModelEntry> {
  return value === undefined ? {} : { [key]: value };
}
