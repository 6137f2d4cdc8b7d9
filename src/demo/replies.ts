import type { ChatRequest } from "./chat-request.ts";
import { cutAtStop, splitIntoPieces } from "./pieces.ts";
import { createExample } from "./schema-example.ts";

/** What the demo backend says to a chat request, in the order in which it is streamed. */
export interface Reply {
  readonly thought: readonly string[];
  readonly text: readonly string[];
  readonly toolCalls: readonly ToolCall[];
  readonly finishReason: "stop" | "length" | "tool_calls";
}

interface ToolCall {
  readonly name: string;
  readonly arguments: string;
}

export const INTRODUCTION = "This is the built-in demo backend, not a language model.";
export const INVITATION = "To connect a real one, set OPENAI_BASE_URL and OPENAI_API_KEY.";
const THOUGHT =
  "Here the thoughts of a model would stream. There is no model, so the answer is a fixed one.";

export function composeReply(request: ChatRequest): Reply {
  const toolCalls = chooseToolCalls(request);
  const answer = toolCalls.length > 0 ? "" : composeText(request);
  const thought = splitIntoPieces(request.thinks ? THOUGHT : "");
  const text = splitIntoPieces(cutAtStop(answer, request.stop));

  if (thought.length + text.length > request.maxPieces) {
    return {
      thought: thought.slice(0, request.maxPieces),
      text: text.slice(0, Math.max(0, request.maxPieces - thought.length)),
      toolCalls: [],
      finishReason: "length",
    };
  }
  return { thought, text, toolCalls, finishReason: toolCalls.length > 0 ? "tool_calls" : "stop" };
}

/** Tools are called for the user only; their results are answered with text. */
function chooseToolCalls(request: ChatRequest): readonly ToolCall[] {
  const message = request.messages.at(-1);
  if (message?.role !== "user") return [];

  const words = message.text.split(/[^\w-]+/);
  const named = request.tools.filter(({ name }) => words.includes(name));
  const called = named.length > 0 ? named : request.tools.slice(0, 1);
  return called.map(({ name, parameters }) => ({
    name,
    arguments: JSON.stringify(
      createExample({ type: "object", ...parameters }, pickWord(message.text)),
    ),
  }));
}

function composeText(request: ChatRequest): string {
  const { format } = request;
  if (format === undefined) return composeSentences(request);
  if (format === "json") return JSON.stringify({ answer: composeSentences(request) });
  return JSON.stringify(createExample(format.schema, pickWord(lastUserMessage(request)?.text)));
}

function composeSentences(request: ChatRequest): string {
  const results = describeToolResults(request);
  const sentences =
    results.length > 0
      ? [INTRODUCTION, ...results]
      : [INTRODUCTION, INVITATION, ...describeUserMessage(request)];
  return sentences.join(" ");
}

function describeUserMessage(request: ChatRequest): readonly string[] {
  const { text = "", imageUrls = [] } = lastUserMessage(request) ?? {};
  return [
    ...(imageUrls.length > 0 ? [describeImages(imageUrls)] : []),
    ...(text === "" ? [] : [`You wrote: ${text}`]),
  ];
}

function describeImages(urls: readonly string[]): string {
  const types = urls.map((url) => /^data:([^;,]+)/.exec(url)?.[1] ?? "a link");
  return `You sent ${urls.length} ${urls.length === 1 ? "image" : "images"}: ${types.join(", ")}.`;
}

/** The results that stand at the end of the conversation, each with the name of its tool. */
function describeToolResults({ messages }: ChatRequest): readonly string[] {
  const names = new Map(
    messages.flatMap(({ toolCalls }) => toolCalls).map(({ id, name }) => [id, name]),
  );
  const lastOther = messages.findLastIndex(({ role }) => role !== "tool");
  return messages
    .slice(lastOther + 1)
    .map(({ toolCallId, text }) => `${names.get(toolCallId) ?? "The tool"} answered: ${text}`);
}

function lastUserMessage({ messages }: ChatRequest) {
  return messages.findLast(({ role }) => role === "user");
}

/** The last name in a text (a capitalised word, but not the first one), else "demo". */
function pickWord(text = ""): string {
  const [, ...words] = text.match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.findLast((word) => /^\p{Lu}./u.test(word)) ?? "demo";
}
