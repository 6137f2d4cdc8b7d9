import { atLeast } from "./at-least.ts";
import type { Dialect } from "./dialect.ts";
import { genericLocal } from "./generic-local.ts";
import { templateLevelThinking } from "./thinking.ts";

/** mlx-lm: stops after 512 tokens when not told, ignores `response_format`; text models only. */
export const mlx: Dialect = {
  ...genericLocal,
  id: "mlx",
  options: {
    ...genericLocal.options,
    repeat_penalty: ["repetition_penalty"],
    repeat_last_n: ["repetition_context_size"],
  },
  ranges: { top_k: atLeast(0) },
  limits_needed: ["chat", "completion"],
  json: ["prompt"],
  schema: ["prompt"],
  think: templateLevelThinking(["enable_thinking", "thinking"]),
  thoughts: "reasoning_content",
  insert: { path: "/completions", shape: "tokens" },
  images: [],
  audio: false,
  // Its tokens come as numbers, without their text.
  logprobs: "none",
  embeddings: null,
};
