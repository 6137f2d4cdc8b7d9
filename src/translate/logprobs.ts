import { asArray, asObject, asText, isObject } from "../openai/json.ts";
import type { TokenLogprob } from "./events.ts";

const textEncoder = new TextEncoder();

/**
 * Logprobs of one choice in the shape both APIs share. Chat's `content` list and llama.cpp's
 * completions are read; a list without token texts (mlx-lm) says nothing and is left out.
 * @param top at most so many candidates a token
 */
export function readLogprobs(logprobs: unknown, top: number): readonly TokenLogprob[] | undefined {
  const listed = asArray(asObject(logprobs)?.["content"]);
  const entries = listed.flatMap((entry) => readToken(entry, top));
  return entries.length === 0 ? undefined : entries;
}

function readToken(entry: unknown, most: number): TokenLogprob[] {
  if (!isObject(entry) || typeof entry["logprob"] !== "number") return [];
  const token = asText(entry["token"]);
  if (token === undefined) return [];
  const top = asArray(entry["top_logprobs"])
    .slice(0, most)
    .flatMap((candidate) => readToken(candidate, 0));
  return [
    {
      token: token.toWellFormed(),
      logprob: entry["logprob"],
      bytes: readBytes(entry["bytes"]) ?? [...textEncoder.encode(token)],
      ...(top.length === 0 ? {} : { top_logprobs: top }),
    },
  ];
}

function readBytes(value: unknown): readonly number[] | undefined {
  return Array.isArray(value) && value.every((byte) => typeof byte === "number")
    ? value
    : undefined;
}
