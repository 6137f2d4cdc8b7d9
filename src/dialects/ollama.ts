import type { Dialect } from "./dialect.ts";
import { genericLocal } from "./generic-local.ts";
import { generic } from "./generic.ts";
import { effortThinking } from "./thinking.ts";

/** Its OpenAI route ignores Ollama's own samplers and answers without a limit of its own. */
export const ollama: Dialect = {
  ...genericLocal,
  id: "ollama",
  options: generic.options,
  limits_needed: [],
  think: effortThinking(
    { on: "medium", off: "none" },
    { low: "low", medium: "medium", high: "high", max: "max" },
  ),
  thoughts: "reasoning",
  prefill: { request: {}, message: {}, echoed: false, path: null },
  insert: { path: "/completions", shape: "suffix" },
  images: ["image/png", "image/jpeg", "image/webp"],
};
