import type { Dialect } from "./dialect.ts";
import { genericLocal } from "./generic-local.ts";

/** `suffix` is refused, so the model family's tokens stand for it. */
export const vllm: Dialect = {
  ...genericLocal,
  id: "vllm",
  options: { ...genericLocal.options, repeat_penalty: ["repetition_penalty"] },
  thoughts: "reasoning_content",
  prefill: {
    request: { continue_final_message: true, add_generation_prompt: false },
    message: {},
    echoed: false,
    path: null,
  },
  insert: { path: "/completions", shape: "tokens" },
};

/** As vLLM, but for audio, which has a field of its own there. */
export const sglang: Dialect = { ...vllm, id: "sglang", audio: false };
