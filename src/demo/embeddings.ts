import { createHash } from "node:crypto";
import { ApiError } from "./api-error.ts";
import type { JsonObject } from "./json-values.ts";
import { requireModel } from "./models.ts";
import { splitIntoPieces } from "./pieces.ts";

/** As many as a SHA-512 hash has bytes. */
const DIMENSIONS = 64;

export function createEmbeddings(body: JsonObject) {
  const model = requireModel(body["model"], "embedding");
  const texts = readInput(body["input"]);
  const dimensions = readDimensions(body["dimensions"]);
  const encode = body["encoding_format"] === "base64" ? toBase64 : (vector: number[]) => vector;
  const count = Math.max(1, texts.flatMap(splitIntoPieces).length);
  return {
    object: "list",
    model,
    data: texts.map((text, index) => ({
      object: "embedding",
      index,
      embedding: encode(embed(text, dimensions)),
    })),
    usage: { prompt_tokens: count, total_tokens: count },
  };
}

/**
 * A vector of length 1. Each word adds the bytes of its hash, so that texts which share words are
 * near each other and a search finds something; the hash of the text tells all texts apart.
 */
function embed(text: string, dimensions = DIMENSIONS): number[] {
  const sums = Array<number>(dimensions).fill(0);
  for (const word of [text, ...(text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [])]) {
    const bytes = createHash("sha512").update(word).digest().subarray(0, dimensions);
    for (const [place, byte] of bytes.entries()) sums[place] = (sums[place] ?? 0) + byte - 127.5;
  }
  const length = Math.hypot(...sums);
  return sums.map((sum) => Math.fround(sum / length));
}

/** Little-endian 32-bit floats. */
function toBase64(vector: number[]): string {
  const bytes = Buffer.alloc(4 * vector.length);
  for (const [place, value] of vector.entries()) bytes.writeFloatLE(value, 4 * place);
  return bytes.toString("base64");
}

function readInput(input: unknown): readonly string[] {
  const texts: unknown[] = Array.isArray(input) ? input : [input];
  if (texts.length === 0 || !texts.every((text) => typeof text === "string")) {
    throw new ApiError(400, "'input' must be a string or an array of strings.", { param: "input" });
  }
  return texts;
}

function readDimensions(value: unknown): number {
  if (value === undefined || value === null) return DIMENSIONS;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > DIMENSIONS) {
    throw new ApiError(400, `'dimensions' must be an integer from 1 to ${DIMENSIONS}.`, {
      param: "dimensions",
    });
  }
  return value;
}
