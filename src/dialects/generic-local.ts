import type { Dialect } from "./dialect.ts";
import { generic } from "./generic.ts";
import { templateThinking } from "./thinking.ts";

/**
 * A server of one's own, on a loopback or private address: llama.cpp, vLLM, SGLang, LM Studio and
 * their like ignore fields they do not know, so the samplers most of them share are sent, and the
 * switches for thinking that their chat templates read (Qwen and GLM one, DeepSeek and Granite the
 * other).
 */
export const genericLocal: Dialect = {
  ...generic,
  id: "generic-local",
  options: {
    ...generic.options,
    top_k: ["top_k"],
    min_p: ["min_p"],
    repeat_penalty: ["repeat_penalty", "repetition_penalty"],
  },
  max_stops: 16,
  think: templateThinking(["enable_thinking", "thinking"]),
};
