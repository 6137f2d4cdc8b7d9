import { atLeast } from "./at-least.ts";
import type { Dialect } from "./dialect.ts";
import { genericLocal } from "./generic-local.ts";
import { templateLevelThinking, templateVariables } from "./thinking.ts";

/** Qwen's and GLM's switch, and that of DeepSeek and Granite; templates ignore the other one. */
const thinkingVariables = ["enable_thinking", "thinking"];

/**
 * llama-server has all of Ollama's samplers. A message can be continued only without thinking, and
 * its image reader (stb_image) knows no WebP.
 */
export const llamacpp: Dialect = {
  ...genericLocal,
  id: "llamacpp",
  options: {
    ...genericLocal.options,
    typical_p: ["typical_p"],
    repeat_penalty: ["repeat_penalty"],
    repeat_last_n: ["repeat_last_n"],
    num_keep: ["n_keep"],
  },
  limits_needed: [],
  think: templateLevelThinking(thinkingVariables),
  thoughts: "reasoning_content",
  prefill: {
    request: templateVariables(thinkingVariables, false),
    message: {},
    echoed: false,
    path: null,
  },
  insert: { path: "origin:/infill", shape: "infill" },
  parallel_tool_calls: true,
  images: ["image/png", "image/jpeg", "image/gif", "image/bmp"],
};

/** Knows no `json_schema`, no switch for thinking and no content but a string. */
export const llamaCppPython: Dialect = {
  ...genericLocal,
  id: "llama-cpp-python",
  options: { ...genericLocal.options, repeat_penalty: ["repeat_penalty"] },
  ranges: { top_k: atLeast(0) },
  schema: ["json_object_schema", "prompt"],
  think: {},
  images: [],
  audio: false,
};
