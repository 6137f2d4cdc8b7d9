import { asArray, asObject, asText, isObject, type JsonObject } from "../openai/json.ts";
import type { TokenLogprob } from "./events.ts";

const textEncoder = new TextEncoder();

/** What OpenAI and others say of a token that can't come; JSON has no word for the infinite. */
const leastLogprob = -9999;

/**
 * Logprobs of one choice in the shape both APIs share. Read are chat's list, llama.cpp's
 * probabilities in place of logarithms, and the parallel lists of text completions; a list without
 * token texts (mlx-lm) says nothing and is left out.
 * @param top at most so many candidates a token
 */
export function readLogprobs(logprobs: unknown, top: number): readonly TokenLogprob[] | undefined {
  if (!isObject(logprobs)) return undefined;
  const listed = Array.isArray(logprobs["tokens"])
    ? fromParallelLists(logprobs["tokens"], logprobs)
    : asArray(logprobs["content"]);
  const entries = listed.flatMap((entry) => readToken(entry, top));
  return entries.length === 0 ? undefined : entries;
}

/** `{tokens: ["a"], token_logprobs: [-0.5], top_logprobs: [{"a": -0.5, "b": -1}]}` */
function fromParallelLists(tokens: readonly unknown[], logprobs: JsonObject): JsonObject[] {
  const own = asArray(logprobs["token_logprobs"]);
  const candidates = asArray(logprobs["top_logprobs"]);
  return tokens.map((token, index) => ({
    token,
    logprob: own[index],
    top_logprobs: Object.entries(asObject(candidates[index]) ?? {})
      .map(([candidate, logprob]) => ({ token: candidate, logprob }))
      .toSorted((a, b) => rank(b.logprob) - rank(a.logprob)),
  }));
}

function rank(logprob: unknown): number {
  return typeof logprob === "number" ? logprob : leastLogprob;
}

function readToken(entry: unknown, most: number): TokenLogprob[] {
  if (!isObject(entry)) return [];
  const token = asText(entry["token"]);
  const logprob = readLogprob(entry);
  if (token === undefined || logprob === undefined) return [];
  const top = asArray(entry["top_logprobs"] ?? entry["top_probs"])
    .slice(0, most)
    .flatMap((candidate) => readToken(candidate, 0));
  return [
    {
      token: token.toWellFormed(),
      logprob,
      bytes: readBytes(entry["bytes"]) ?? [...textEncoder.encode(token)],
      ...(top.length === 0 ? {} : { top_logprobs: top }),
    },
  ];
}

function readLogprob({ logprob, prob }: JsonObject): number | undefined {
  const value = logprob === undefined && typeof prob === "number" ? Math.log(prob) : logprob;
  return typeof value !== "number" || Number.isNaN(value)
    ? undefined
    : Math.min(0, Math.max(leastLogprob, value));
}

function readBytes(value: unknown): readonly number[] | undefined {
  return Array.isArray(value) && value.every(isByte) ? value : undefined;
}

function isByte(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 255;
}
