import type { Dialect } from "./dialect.ts";
import { genericLocal } from "./generic-local.ts";
import { generic } from "./generic.ts";

/** Only the documented fields; `json_object` is refused, and thinking is a setting of the model. */
export const lmstudio: Dialect = {
  ...genericLocal,
  id: "lmstudio",
  options: { ...generic.options, top_k: ["top_k"], repeat_penalty: ["repeat_penalty"] },
  json: ["json_schema", "prompt"],
  schema: ["json_schema", "prompt"],
  think: generic.think,
  insert: { path: "/completions", shape: "tokens" },
  images: ["image/png", "image/jpeg", "image/webp"],
  audio: false,
  logprobs: "none",
};
