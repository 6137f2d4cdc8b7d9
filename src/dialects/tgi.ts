import type { Dialect } from "./dialect.ts";
import { genericLocal } from "./generic-local.ts";
import { generic } from "./generic.ts";

/** Stops after 100 tokens when not told; takes 4 stop texts and a `top_p` between 0 and 1 only. */
export const tgi: Dialect = {
  ...genericLocal,
  id: "tgi",
  options: generic.options,
  ranges: { top_p: [0.001, 0.999] },
  limits_needed: ["chat", "completion"],
  max_stops: 4,
  json: ["json_value", "prompt"],
  schema: ["json_value", "prompt"],
  think: {},
  insert: { path: "/completions", shape: "tokens" },
  audio: false,
  embeddings: null,
};
