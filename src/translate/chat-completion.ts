import type { JsonObject } from "../openai/json.ts";
import type { CompletionEvent, ToolCallEvent } from "./events.ts";

/**
 * The events of a stream as the one `chat.completion` that was asked for, for backends that stream
 * whether they are asked to or not.
 * @param first the stream's first chunk, which has what the answer has in common with it
 */
export function toChatCompletion(
  events: readonly CompletionEvent[],
  first: JsonObject,
): JsonObject {
  const end = events.find((event) => event.type === "end");
  const calls = events.filter((event) => event.type === "tool-call");
  const thinking = textOf(events, "thinking-delta");
  const logprobs = events.flatMap((event) => ("logprobs" in event ? event.logprobs : []));
  const { promptTokens = 0, completionTokens = 0 } = end?.usage ?? {};
  return {
    id: first["id"] ?? "",
    object: "chat.completion",
    created: first["created"] ?? 0,
    model: first["model"] ?? "",
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: textOf(events, "text-delta"),
          ...(thinking === "" ? {} : { reasoning_content: thinking }),
          ...(calls.length === 0 ? {} : { tool_calls: calls.map(toToolCall) }),
        },
        ...(logprobs.length === 0 ? {} : { logprobs: { content: logprobs } }),
        finish_reason: end?.finishReason ?? "stop",
      },
    ],
    usage: {
      prompt_tokens: promptTokens,
      completion_tokens: completionTokens,
      total_tokens: promptTokens + completionTokens,
    },
  };
}

function textOf(events: readonly CompletionEvent[], type: "text-delta" | "thinking-delta"): string {
  return events.map((event) => (event.type === type ? event.text : "")).join("");
}

function toToolCall({ id, name, arguments: values }: ToolCallEvent): object {
  return { id, type: "function", function: { name, arguments: JSON.stringify(values) } };
}
