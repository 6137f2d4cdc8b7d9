import type { Dialect } from "./dialect.ts";
import { generic } from "./generic.ts";
import { effortThinking } from "./thinking.ts";

const { frequency_penalty: _, presence_penalty: __, ...options } = generic.options;

/** Refuses unknown fields, penalties among them; strict schemas have OpenAI's rules. */
export const cerebras: Dialect = {
  ...generic,
  id: "cerebras",
  options: { ...options, num_predict: ["max_completion_tokens"] },
  ranges: { temperature: [0, 1.5] },
  strict_schema: true,
  // Those of its models that can think do when nothing is said.
  think: { ...effortThinking({ off: "none" }), true: {} },
  thoughts: "reasoning",
  insert: { path: "/completions", shape: "tokens" },
  images: [],
  audio: false,
  embeddings: null,
};
