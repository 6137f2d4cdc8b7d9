import type { Dialect } from "./dialect.ts";
import { generic } from "./generic.ts";
import { eachLevel } from "./thinking.ts";

const { seed: _, ...options } = generic.options;

/** The budgets that Google documents for low, medium and high effort. */
const budgets = { low: 1024, medium: 8192, high: 24_576, max: 24_576 };

/**
 * Refuses unknown fields. Thoughts are shown only when `thinking_config` asks for them, and
 * `reasoning_effort` beside it is refused, so a level is told as a budget.
 */
export const gemini: Dialect = {
  ...generic,
  id: "gemini",
  options,
  max_stops: 5,
  think: {
    true: thinkingConfig({}),
    false: { reasoning_effort: "none" },
    ...eachLevel((level) => thinkingConfig({ thinking_budget: budgets[level] })),
  },
  completions: null,
  insert: null,
  // Gemini 3 refuses an earlier call without the signature of the thought that led to it.
  tool_call_fields: {
    extra_content: { google: { thought_signature: "skip_thought_signature_validator" } },
  },
  logprobs: "none",
  embeddings: { batch: 100, dimensions: null, fields: {} },
};

function thinkingConfig(fields: Readonly<Record<string, unknown>>) {
  return {
    extra_body: { google: { thinking_config: { include_thoughts: true, ...fields } } },
  };
}
