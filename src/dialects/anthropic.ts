import type { Dialect } from "./dialect.ts";
import { generic } from "./generic.ts";

const { seed: _, frequency_penalty: __, presence_penalty: ___, ...options } = generic.options;

/**
 * Documented to ignore what it does not take, `response_format`, audio and `logprobs` among it, and
 * never to show thoughts; thinking without the right limit and temperature is refused.
 */
export const anthropic: Dialect = {
  ...generic,
  id: "anthropic",
  options,
  ranges: { temperature: [0, 1] },
  json: ["prompt"],
  schema: ["prompt"],
  think: { false: {} },
  think_tags: "never",
  completions: null,
  insert: null,
  images: ["image/png", "image/jpeg", "image/webp", "image/gif"],
  audio: false,
  logprobs: "none",
  embeddings: null,
};
