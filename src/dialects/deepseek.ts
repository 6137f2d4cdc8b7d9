import type { Dialect } from "./dialect.ts";
import { generic } from "./generic.ts";
import { switchedThinking, thinkingType } from "./thinking.ts";

const { seed: _, ...options } = generic.options;

/** Knows no schema, takes 16 stop texts, and completes and continues text only below `/beta`, 4096 tokens a time. */
export const deepseek: Dialect = {
  ...generic,
  id: "deepseek",
  options,
  limits_needed: [],
  max_stops: 16,
  json: ["json_object", "prompt"],
  schema: ["json_object", "prompt"],
  json_word: true,
  think: switchedThinking(thinkingType, (level) => ({
    reasoning_effort: level === "medium" ? "high" : level,
  })),
  thoughts: "required_reasoning_content",
  prefill: {
    request: {},
    message: { prefix: true },
    echoed: false,
    path: "origin:/beta/chat/completions",
  },
  completions: "origin:/beta/completions",
  insert: { path: "origin:/beta/completions", shape: "suffix" },
  images: [],
  audio: false,
  embeddings: null,
};
