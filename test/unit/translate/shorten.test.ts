import { describe, expect, test } from "vitest";
import type { Refusal } from "../../../src/errors.ts";
import { isTooLong, isTooMany, shorten } from "../../../src/translate/shorten.ts";

function refusal(message: string): Refusal {
  return { status: 400, message, locations: [] };
}

/** What backends say, and how many of 1000 characters are kept. */
const refusals: [message: string, kept: number][] = [
  [
    "input (11257 tokens) is too large to process. increase the physical batch size (current batch size: 8192)",
    691,
  ],
  ["the request exceeds the available context size, try increasing it", 500],
  [
    "request (5000 tokens) exceeds the available context size (4000 tokens), try increasing it",
    760,
  ],
  [
    "This model's maximum context length is 8192 tokens, however you requested 10240 tokens (10240 in your prompt; 0 for the completion). Please reduce your prompt; or completion length.",
    760,
  ],
  ["Invalid 'input[7]': maximum input length is 8192 tokens.", 500],
  ["The input (10009 tokens) is longer than the model's context length (128 tokens).", 12],
  ["Input validation error: `inputs` must have less than 512 tokens. Given: 1024", 475],
  ["too many tokens: size limit exceeded by 12345 tokens", 500],
  ['upstream "a" returned 413 Request Entity Too Large', 500],
  ["input of text-embedding-3-small v2.5 exceeds the context length", 500],
];

describe("a text that is too long", () => {
  test.each(refusals)("is known by: %s", (message) => {
    expect(isTooLong(refusal(message))).toBe(true);
  });

  test.each(refusals)("is cut to what fits: %s", (message, kept) => {
    expect(shorten("x".repeat(1000), refusal(message))).toHaveLength(kept);
  });

  test("is not cut inside of a character", () => {
    expect(shorten("😀😀😀", refusal("too large"))).toBe("😀");
    expect(shorten("😀", refusal("too large"))).toBe("");
    expect(shorten("x", refusal("too large"))).toBe("");
  });

  test.each([
    "The model `m` does not exist",
    "Request too large for model `m` on tokens per minute (TPM): Limit 6000, Requested 7000",
    "rate limit: too many tokens",
    "This model does not support specifying dimensions.",
    "Invalid API key",
  ])("is not meant by: %s", (message) => {
    expect(isTooLong(refusal(message))).toBe(false);
  });
});

test.each<[message: string, tooMany: boolean]>([
  ["batch size 1025 > maximum allowed batch size 1024", true],
  ["BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch", true],
  ["Too many inputs in request, split into more batches.", true],
  ["invalid request: total number of texts must be at most 96", true],
  ["The model `m` does not exist", false],
])("a limit of the number of texts: %s (%s)", (message, tooMany) => {
  expect(isTooMany(refusal(message))).toBe(tooMany);
});
