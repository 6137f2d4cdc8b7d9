import { atLeast } from "./at-least.ts";
import type { Dialect } from "./dialect.ts";
import { generic } from "./generic.ts";
import { switchedThinking } from "./thinking.ts";

/** Alibaba's Model Studio; documented: temperature below 2, 10 texts to embed at a time. */
export const qwen: Dialect = {
  ...generic,
  id: "qwen",
  options: { ...generic.options, top_k: ["top_k"], repeat_penalty: ["repetition_penalty"] },
  ranges: { temperature: [0, 1.99], top_k: atLeast(0) },
  json_word: true,
  think: switchedThinking((on) => ({ enable_thinking: on })),
  prefill: { request: {}, message: { partial: true }, echoed: false, path: null },
  completions: null,
  insert: null,
  embeddings: { batch: 10, dimensions: null, fields: {} },
};
