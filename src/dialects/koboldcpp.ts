import type { Dialect } from "./dialect.ts";
import { genericLocal } from "./generic-local.ts";
import { generic } from "./generic.ts";

/** Stops after 512 tokens when not told; makes a grammar of a schema. */
export const koboldcpp: Dialect = {
  ...genericLocal,
  id: "koboldcpp",
  options: {
    ...genericLocal.options,
    typical_p: ["typical"],
    repeat_penalty: ["rep_pen"],
    repeat_last_n: ["rep_pen_range"],
  },
  think: generic.think,
  limits_needed: ["chat", "completion"],
  json: ["json_schema", "prompt"],
  schema: ["json_schema", "prompt"],
  prefill: { request: { continue_assistant_turn: true }, message: {}, echoed: false, path: null },
  insert: { path: "/completions", shape: "tokens" },
};
