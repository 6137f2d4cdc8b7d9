import { asText, type JsonObject } from "../openai/json.ts";

/**
 * A chunk of llama.cpp's own routes, `/infill` and `/completion`, in OpenAI's shape:
 * `{"content":"…","stop":false}`, and last `{"content":"","stop":true,"stop_type":"eos",…}`.
 */
export function fromNativeCompletion(chunk: JsonObject): JsonObject | undefined {
  const { content, stop, stop_type, stopped_limit } = chunk;
  if (typeof content !== "string" || typeof stop !== "boolean") return undefined;
  const atLimit = stop_type === "limit" || stopped_limit === true;
  return {
    text: content,
    logprobs: { content: chunk["completion_probabilities"] },
    finish_reason: !stop ? null : atLimit ? "length" : (asText(stop_type) ?? "stop"),
    usage: {
      prompt_tokens: chunk["tokens_evaluated"],
      completion_tokens: chunk["tokens_predicted"],
    },
  };
}
