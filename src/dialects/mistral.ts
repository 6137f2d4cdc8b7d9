import type { Dialect } from "./dialect.ts";
import { generic } from "./generic.ts";
import { switchedThinking } from "./thinking.ts";

const { seed: _, ...options } = generic.options;

/** Refuses unknown fields with 422, `seed` and `stream_options` among them; 4 stop texts. */
export const mistral: Dialect = {
  ...generic,
  id: "mistral",
  options: { ...options, seed: ["random_seed"] },
  ranges: { temperature: [0, 1.5] },
  limits_needed: [],
  stream_usage: false,
  think: switchedThinking((on) => ({ reasoning_effort: on ? "high" : "none" })),
  prefill: { request: {}, message: { prefix: true }, echoed: true, path: null },
  completions: null,
  insert: { path: "/fim/completions", shape: "suffix" },
  tool_result_names: true,
  // Voxtral takes audio in a shape of its own.
  audio: false,
  logprobs: "none",
  // Limited by the tokens of all texts together.
  embeddings: { batch: 64, dimensions: null, fields: {} },
};
