import type OpenAI from "openai";
import type { AnswerHead } from "./answer.ts";
import type { ChatRequest } from "./chat-request.ts";
import { toTokenLogprob } from "./logprobs.ts";
import { splitIntoPieces, toUsage } from "./pieces.ts";
import type { Reply } from "./replies.ts";

type Chunk = OpenAI.ChatCompletionChunk;
type Choice = Chunk["choices"][number];

/** The reply as the chunks of a stream: one a piece, several a tool call. */
export function* toChunks(
  head: AnswerHead,
  request: ChatRequest,
  reply: Reply,
  includeUsage: boolean,
): Generator<Chunk> {
  yield chunk({ role: "assistant", content: "" });
  for (const piece of reply.thought) yield chunk({ reasoning_content: piece });
  for (const piece of reply.text) {
    yield chunk({ content: piece }, { logprobs: toLogprobs(request, [piece]) });
  }
  for (const delta of toToolCalls(head, reply).flatMap(toToolCallDeltas)) {
    yield chunk({ tool_calls: [delta] });
  }
  yield chunk({}, { finish_reason: reply.finishReason });
  if (includeUsage) yield { ...chunk({}), choices: [], usage: countUsage(request, reply) };

  function chunk(
    delta: Choice["delta"] & { reasoning_content?: string },
    more: Partial<Choice> = {},
  ): Chunk {
    return {
      ...head,
      object: "chat.completion.chunk",
      choices: [{ index: 0, delta, logprobs: null, finish_reason: null, ...more }],
      ...(includeUsage ? { usage: null } : {}),
    };
  }
}

/** The reply as one object. */
export function toCompletion(
  head: AnswerHead,
  request: ChatRequest,
  reply: Reply,
): OpenAI.ChatCompletion {
  const toolCalls = toToolCalls(head, reply);
  const message = {
    role: "assistant" as const,
    content: toolCalls.length > 0 ? null : reply.text.join(""),
    refusal: null,
    ...(reply.thought.length > 0 ? { reasoning_content: reply.thought.join("") } : {}),
    ...(toolCalls.length > 0 ? { tool_calls: toolCalls } : {}),
  };
  const logprobs = toLogprobs(request, reply.text);
  return {
    ...head,
    object: "chat.completion",
    choices: [{ index: 0, message, logprobs, finish_reason: reply.finishReason }],
    usage: countUsage(request, reply),
  };
}

function toToolCalls({ id }: AnswerHead, { toolCalls }: Reply) {
  return toolCalls.map((call, index) => ({
    // Unique in a conversation, because the id of the answer is.
    id: `call_${id.slice(-12)}${index}`,
    type: "function" as const,
    function: call,
  }));
}

/** As OpenAI streams a call: its name first, then its arguments in fragments. */
function toToolCallDeltas(call: ReturnType<typeof toToolCalls>[number], index: number) {
  const { name, arguments: text } = call.function;
  const pieces = splitIntoPieces(text);
  const length = Math.ceil(pieces.length / 3);
  const fragments = [0, 1, 2]
    .map((part) => pieces.slice(part * length, (part + 1) * length).join(""))
    .filter((fragment) => fragment !== "");
  return [
    { index, ...call, function: { name, arguments: "" } },
    ...fragments.map((fragment) => ({ index, function: { arguments: fragment } })),
  ];
}

function toLogprobs({ topLogprobs }: ChatRequest, pieces: readonly string[]) {
  if (topLogprobs === undefined) return null;
  return { content: pieces.map((piece) => toTokenLogprob(piece, topLogprobs)), refusal: null };
}

function countUsage({ messages }: ChatRequest, reply: Reply): OpenAI.CompletionUsage {
  const prompt = messages.flatMap(({ text }) => splitIntoPieces(text));
  const calls = reply.toolCalls.flatMap((call) => splitIntoPieces(call.name + call.arguments));
  return {
    ...toUsage(prompt.length, reply.thought.length + reply.text.length + calls.length),
    completion_tokens_details: { reasoning_tokens: reply.thought.length },
  };
}
