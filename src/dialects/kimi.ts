import type { Dialect } from "./dialect.ts";
import { generic } from "./generic.ts";
import { switchedThinking, thinkingType } from "./thinking.ts";

/** Refuses unknown fields; documented: temperature up to 1. */
export const kimi: Dialect = {
  ...generic,
  id: "kimi",
  ranges: { temperature: [0, 1] },
  think: switchedThinking(thinkingType),
  thoughts: "required_reasoning_content",
  prefill: { request: {}, message: { partial: true }, echoed: false, path: null },
  completions: null,
  insert: null,
  audio: false,
  logprobs: "none",
  embeddings: null,
};
