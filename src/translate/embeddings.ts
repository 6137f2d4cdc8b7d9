import type { Dialect } from "../dialects/dialect.ts";
import { asArray, asCount, asObject, isObject, type JsonObject } from "../openai/json.ts";
import { readUsage } from "./usage.ts";

/** Ollama's own precision. */
export type Vector = Float32Array;

/** What a backend's answer tells of the texts it was asked about. */
export interface EmbeddingsAnswer {
  /** In the order of the texts; `undefined`: something that is no vector. */
  readonly vectors: readonly (Vector | undefined)[];
  readonly tokens: number | undefined;
}

/**
 * The body for `/embeddings`. `encoding_format` is not sent: the default is numbers everywhere, and
 * some backends refuse the field.
 * @param dimensions 0: as many as the model has
 */
export function toEmbeddingsBody(
  model: string,
  texts: readonly string[],
  dimensions: number,
  { fields, dimensions: field }: NonNullable<Dialect["embeddings"]>,
): JsonObject {
  return {
    model,
    input: texts,
    ...fields,
    ...(field === null || dimensions === 0 ? {} : { [field]: dimensions }),
  };
}

export function inBatches<Item>(items: readonly Item[], size: number): (readonly Item[])[] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, batch) => items.slice(batch * size, (batch + 1) * size));
}

/**
 * OpenAI's `{data: [{index, embedding}]}`, or the bare list of llama.cpp's own route, whose
 * `embedding` is a list of one vector. Backends answer in any order, and some number every entry 0.
 */
export function readEmbeddings(answer: unknown): EmbeddingsAnswer {
  const object = asObject(answer);
  const entries = asArray(object?.["data"] ?? answer).map((entry, place) => ({
    entry,
    index: asCount(asObject(entry)?.["index"]) ?? place,
  }));
  return {
    vectors: entries
      .toSorted((a, b) => a.index - b.index)
      .map(({ entry }) => readVector(isObject(entry) ? entry["embedding"] : entry)),
    tokens:
      (object && readUsage(object, undefined)?.promptTokens) ??
      evaluatedTokens(entries.map(({ entry }) => asObject(entry))),
  };
}

/** Numbers, or base64 of little-endian 32-bit floats. */
function readVector(value: unknown): Vector | undefined {
  if (typeof value === "string") return checked(decodeFloats(value));
  const list = asArray(value);
  const numbers = list.length === 1 && Array.isArray(list[0]) ? asArray(list[0]) : list;
  return checked(Float32Array.from(numbers, (item) => (typeof item === "number" ? item : NaN)));
}

function decodeFloats(base64: string): Vector {
  const bytes = Buffer.from(base64, "base64");
  if (bytes.length % 4 !== 0) return new Float32Array();
  return Float32Array.from({ length: bytes.length / 4 }, (_, place) =>
    bytes.readFloatLE(4 * place),
  );
}

/** A model that divided by zero sends `null` or NaN, which no client can use. */
function checked(vector: Vector): Vector | undefined {
  return vector.length > 0 && vector.every(Number.isFinite) ? vector : undefined;
}

/** llama.cpp's figure, one a text. */
function evaluatedTokens(entries: readonly (JsonObject | undefined)[]): number | undefined {
  const counts = entries.flatMap((entry) => asCount(entry?.["tokens_evaluated"]) ?? []);
  return counts.length === 0 ? undefined : counts.reduce((sum, count) => sum + count);
}

/**
 * A vector as `/api/embed` tells it: cut to its first dimensions where fewer are wanted than it has,
 * of length 1, in the fewest digits. A vector of zeros has no direction and stays what it is.
 * @param dimensions 0: all
 */
export function toUnitVector(vector: Vector, dimensions: number): number[] {
  const kept = dimensions === 0 ? vector : vector.subarray(0, dimensions);
  const length = Math.sqrt(kept.reduce((sum, value) => sum + value * value, 0));
  return Array.from(kept, (value) => shortest(length === 0 ? value : value / length));
}

const powersOfTen = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

/**
 * The number with the fewest digits that is the same 32-bit float, which is how Go prints one: 6 are
 * sometimes enough, 9 always. Both operands of the division are exact, so its result is the decimal.
 */
function shortest(value: number): number {
  const float = Math.fround(value);
  const wholeDigits = Math.floor(Math.log10(Math.abs(float))) + 1;
  for (let digits = 6; digits <= 9; digits += 1) {
    const scale = powersOfTen[digits - wholeDigits] ?? NaN;
    const candidate = Math.round(float * scale) / scale;
    if (Math.fround(candidate) === float) return candidate;
  }
  return float;
}
