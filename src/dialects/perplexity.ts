import { atLeast } from "./at-least.ts";
import type { Dialect } from "./dialect.ts";
import { generic } from "./generic.ts";

/** Wants user and assistant in turn, has no tools, and tells usage unasked in each chunk. */
export const perplexity: Dialect = {
  ...generic,
  id: "perplexity",
  options: { ...generic.options, top_k: ["top_k"] },
  ranges: { top_k: atLeast(0), temperature: [0, 1.99] },
  stream_usage: false,
  json: ["json_schema", "prompt"],
  schema: ["json_schema", "prompt"],
  completions: null,
  insert: null,
  tools: false,
  alternating_roles: true,
  audio: false,
  logprobs: "none",
  // Its own are packed into bytes.
  embeddings: null,
};
