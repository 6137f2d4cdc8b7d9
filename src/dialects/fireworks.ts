import type { Dialect } from "./dialect.ts";
import { generic } from "./generic.ts";
import { effortThinking } from "./thinking.ts";

/** Refuses unknown fields; documented: `top_k` of at most 100. */
export const fireworks: Dialect = {
  ...generic,
  id: "fireworks",
  options: {
    ...generic.options,
    top_k: ["top_k"],
    min_p: ["min_p"],
    typical_p: ["typical_p"],
    repeat_penalty: ["repetition_penalty"],
  },
  ranges: { top_k: [0, 100] },
  think: effortThinking({ on: "medium", off: "none" }),
  insert: { path: "/completions", shape: "tokens" },
};
