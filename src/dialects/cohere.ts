import type { Dialect } from "./dialect.ts";
import { generic } from "./generic.ts";
import { switchedThinking } from "./thinking.ts";

const { seed: _, ...options } = generic.options;

/** Documented: temperature and penalties up to 1, 5 stop texts, 96 texts to embed at a time. */
export const cohere: Dialect = {
  ...generic,
  id: "cohere",
  options,
  ranges: { temperature: [0, 1], frequency_penalty: [0, 1], presence_penalty: [0, 1] },
  max_stops: 5,
  think: switchedThinking((on) => ({ reasoning_effort: on ? "high" : "none" })),
  completions: null,
  insert: null,
  audio: false,
  logprobs: "none",
  embeddings: { batch: 96, dimensions: null, fields: {} },
};
