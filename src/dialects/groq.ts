import type { Dialect } from "./dialect.ts";
import { generic } from "./generic.ts";
import { switchedThinking } from "./thinking.ts";

const { frequency_penalty: _, presence_penalty: __, ...options } = generic.options;

/** Refuses unknown fields; documents penalties as "not yet supported". */
export const groq: Dialect = {
  ...generic,
  id: "groq",
  options: { ...options, num_predict: ["max_completion_tokens"] },
  json_word: true,
  thoughts: "reasoning",
  prefill: { request: {}, message: {}, echoed: false, path: null },
  completions: null,
  insert: null,
  logprobs: "none",
  embeddings: null,
};

/** Qwen's models there have only on and off. */
export const groqQwenThinking = switchedThinking((on) => ({
  reasoning_effort: on ? "default" : "none",
}));
