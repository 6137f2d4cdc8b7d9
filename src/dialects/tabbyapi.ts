import { atLeast } from "./at-least.ts";
import type { Dialect } from "./dialect.ts";
import { genericLocal } from "./generic-local.ts";

const { seed: _, ...options } = genericLocal.options;

/**
 * ExLlama's names and no seed; negative penalties are refused with 422. Templates of models that
 * think open the tag themselves.
 */
export const tabbyapi: Dialect = {
  ...genericLocal,
  id: "tabbyapi",
  options: {
    ...options,
    typical_p: ["typical"],
    repeat_penalty: ["repetition_penalty"],
    repeat_last_n: ["penalty_range"],
  },
  ranges: { top_k: atLeast(0), frequency_penalty: atLeast(0), presence_penalty: atLeast(0) },
  json: ["top_level_schema", "prompt"],
  schema: ["top_level_schema", "prompt"],
  think_tags: "unopened",
  insert: { path: "/completions", shape: "tokens" },
  audio: false,
};
