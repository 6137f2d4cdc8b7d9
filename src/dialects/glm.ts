import type { Dialect } from "./dialect.ts";
import { generic } from "./generic.ts";
import { switchedThinking, thinkingType } from "./thinking.ts";

/** Z.ai; documented: one stop text, temperature up to 1, 64 texts to embed, and no schemas. */
export const glm: Dialect = {
  ...generic,
  id: "glm",
  ranges: { temperature: [0, 1] },
  max_stops: 1,
  json: ["json_object", "prompt"],
  schema: ["json_object", "prompt"],
  think: switchedThinking(thinkingType),
  completions: null,
  insert: null,
  audio: false,
  logprobs: "none",
  embeddings: { batch: 64, dimensions: null, fields: {} },
};
