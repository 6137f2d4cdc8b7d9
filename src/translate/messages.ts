import type { Message } from "../ollama/requests.ts";
import type { Image } from "../ollama/image.ts";
import type { ChatCompletionMessage } from "../openai/requests.ts";

interface OpenCall {
  readonly id: string;
  /** The id the client knows the call by, if it knows one. */
  readonly clientId: string | undefined;
  readonly name: string;
}

/**
 * Ollama's messages to OpenAI's. Clients send tool calls without ids and results that name the call
 * by id, by tool name or not at all; upstream every result must carry the id of its call, and
 * Mistral takes only ids of nine letters and digits. So calls get ids of ours, and a result goes to
 * the open call with its id, else its name, else to the first one of the latest turn.
 */
export function toChatCompletionMessages(messages: readonly Message[]): ChatCompletionMessage[] {
  const open: OpenCall[] = [];
  let calls = 0;
  return messages.map((message) => {
    if (message.role === "tool") return toolResult(message, closeCall(open, message));
    if (message.toolCalls.length === 0) return plainMessage(message);
    const made = message.toolCalls.map((call) => {
      calls += 1;
      return { ...call, id: `call${String(calls).padStart(5, "0")}`, clientId: call.id };
    });
    // Before those of earlier turns: a call that never got a result must not take a later one's.
    open.unshift(...made);
    const tool_calls = made.map((call) => ({
      id: call.id,
      type: "function" as const,
      function: { name: call.name, arguments: argumentsText(call.arguments) },
    }));
    return { ...plainMessage(message), tool_calls };
  });
}

function closeCall(open: OpenCall[], result: Message): string {
  const matches = [
    open.findIndex(
      (call) => result.toolCallId !== undefined && call.clientId === result.toolCallId,
    ),
    open.findIndex((call) => result.toolName !== undefined && call.name === result.toolName),
    open.length > 0 ? 0 : -1,
  ];
  const at = matches.find((index) => index >= 0);
  const call = at === undefined ? undefined : open.splice(at, 1)[0];
  return call?.id ?? "call00000";
}

function toolResult(message: Message, id: string): ChatCompletionMessage {
  return { role: "tool", content: toContent(message.content, message.images), tool_call_id: id };
}

function plainMessage(message: Message): ChatCompletionMessage {
  return {
    role: message.role === "" ? "user" : message.role,
    content: toContent(message.content, message.images),
  };
}

/** A string is the only shape that every backend takes; parts only where there is an image. */
function toContent(text: string, images: readonly Image[]): ChatCompletionMessage["content"] {
  const content = text.toWellFormed();
  if (images.length === 0) return content;
  return [
    ...(content === "" ? [] : [{ type: "text" as const, text: content }]),
    ...images.map((image) => ({
      type: "image_url" as const,
      image_url: { url: `data:${image.mediaType};base64,${image.base64}` },
    })),
  ];
}

function argumentsText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
