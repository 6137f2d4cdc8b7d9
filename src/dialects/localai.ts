import type { Dialect } from "./dialect.ts";
import { genericLocal } from "./generic-local.ts";
import { switchedThinking } from "./thinking.ts";

/** Thinking is switched by `metadata`, whose values are texts. */
export const localai: Dialect = {
  ...genericLocal,
  id: "localai",
  options: {
    ...genericLocal.options,
    typical_p: ["typical_p"],
    repeat_penalty: ["repeat_penalty"],
    repeat_last_n: ["repeat_last_n"],
    num_keep: ["n_keep"],
  },
  think: switchedThinking(
    (on) => ({ metadata: { enable_thinking: String(on) } }),
    (level) => ({ reasoning_effort: level === "max" ? "high" : level }),
  ),
  insert: { path: "/completions", shape: "tokens" },
};
