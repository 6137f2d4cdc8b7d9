import type { Dialect, DialectOverrides } from "./dialect.ts";
import { generic } from "./generic.ts";
import { eachLevel } from "./thinking.ts";

const { frequency_penalty: _, presence_penalty: __, ...options } = generic.options;

/** The models that do not think. Some streams end with the whole answer once more. */
export const xai: Dialect = {
  ...generic,
  id: "xai",
  options: { ...generic.options, num_predict: ["max_completion_tokens"] },
  think: { false: {} },
  think_tags: "never",
  repeats_answer: true,
  insert: null,
  embeddings: null,
};

/** Those that think refuse penalties and stop texts; all know the efforts `low` and `high`. */
export const xaiReasoningFields: DialectOverrides = {
  options: { ...options, num_predict: ["max_completion_tokens"] },
  max_stops: 0,
  think: {
    true: {},
    ...eachLevel((level) => ({ reasoning_effort: level === "low" ? "low" : "high" })),
  },
};

export const xaiReasoning: Dialect = { ...xai, ...xaiReasoningFields, id: "xai-reasoning" };
