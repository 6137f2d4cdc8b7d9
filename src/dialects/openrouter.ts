import { atLeast } from "./at-least.ts";
import type { Dialect } from "./dialect.ts";
import { generic } from "./generic.ts";
import { eachLevel } from "./thinking.ts";

/** Drops what the model's host does not take, and moves an effort to the nearest it knows. */
export const openrouter: Dialect = {
  ...generic,
  id: "openrouter",
  options: {
    ...generic.options,
    top_k: ["top_k"],
    min_p: ["min_p"],
    repeat_penalty: ["repetition_penalty"],
  },
  ranges: { top_k: atLeast(0) },
  think: {
    true: { reasoning: { enabled: true } },
    false: { reasoning: { enabled: false } },
    ...eachLevel((level) => ({ reasoning: { effort: level === "max" ? "xhigh" : level } })),
  },
  thoughts: "reasoning",
  prefill: { request: {}, message: {}, echoed: false, path: null },
  insert: { path: "/completions", shape: "tokens" },
};
