import type { Dialect } from "../dialects/dialect.ts";
import { qualifiedName } from "../ollama/model-name.ts";
import { invalidRequest } from "../errors.ts";
import type { ChatRequest, GenerateRequest, Message, Think, Tool } from "../ollama/requests.ts";
import { asObject, type JsonObject } from "../openai/json.ts";
import type { ChatCompletionMessage, ChatCompletionRequest } from "../openai/requests.ts";
import { estimateTokens, type Backend, type Lowered, type LoweredRequest } from "./backend.ts";
import { arrange, instruct, sendsThoughts, toChatCompletionMessages } from "./messages.ts";
import { lowerOptions } from "./sampling.ts";
import { lowerFormat, type LoweredFormat } from "./structured-output.ts";
import { lowerThink } from "./thinking.ts";

/** What a conversation is answered with, whichever route it came by. */
export interface Conversation {
  readonly request: ChatRequest | GenerateRequest;
  readonly messages: readonly Message[];
  readonly tools: readonly Tool[];
  /** What the route itself could not use. */
  readonly ignored: readonly string[];
}

/**
 * A conversation as a request for a chat completion.
 * @throws ProxyError 400 for tools, images or audio that the backend does not take
 */
export function toChatCompletionRequest(
  { request, messages, tools, ignored }: Conversation,
  backend: Backend,
): LoweredRequest {
  const { dialect, model } = backend;
  const thinks = request.think !== false;
  const promptEstimate = estimateTokens(
    messages.reduce((sum, { content }) => sum + content.length, 0),
  );
  const options = lowerOptions(request.options, "chat", backend, promptEstimate);
  const thinking = lowerThink(request.think, dialect);
  const format = lowerFormat(request.format, dialect);
  const logprobs = lowerLogprobs(request, backend);
  const prefill = lowerPrefill(messages, backend);
  const lowered = toChatCompletionMessages(messages, backend, thinks);
  const body: ChatCompletionRequest = {
    model,
    messages: prefill.continue(arrange(worded(lowered, format, dialect), dialect)),
    ...lowerTools(tools, backend),
    ...options.fields,
    ...thinking.fields,
    ...format.fields,
    ...logprobs.fields,
    ...prefill.fields,
    stream: true,
    ...streamOptions(backend),
  };
  return {
    path: prefill.path ?? "/chat/completions",
    body,
    ignored: [
      ...request.unknown,
      ...ignored,
      ...options.ignored,
      ...thinking.ignored,
      ...format.ignored,
      ...logprobs.ignored,
      ...prefill.ignored,
      ...overridden(thinking.fields, prefill.fields),
      ...(!sendsThoughts(dialect, thinks) && messages.some((message) => message.thinking)
        ? ["messages.thinking"]
        : []),
    ],
    promptEstimate,
    decoding: {
      topLogprobs: request.topLogprobs,
      thinkTags: thinkTags(request.think, dialect),
      repeatsAnswer: dialect.repeats_answer,
      stops: options.stops,
      ...(prefill.echo === undefined ? {} : { echo: prefill.echo }),
      ...(backend.contextLength === undefined ? {} : { contextLength: backend.contextLength }),
    },
  };
}

/** Waiting for a tag that never comes would cost the stream, so only where thoughts were asked for. */
export function thinkTags(
  think: Think | undefined,
  { think_tags }: Dialect,
): Dialect["think_tags"] {
  return think_tags === "unopened" && !think ? "leading" : think_tags;
}

export function streamOptions({ dialect }: Backend): JsonObject {
  return dialect.stream_usage ? { stream_options: { include_usage: true } } : {};
}

/** A switch of the template that continuing a message needs otherwise. */
function overridden(thinking: JsonObject, prefill: JsonObject): string[] {
  const differs = Object.entries(thinking).some(
    ([name, value]) =>
      Object.hasOwn(prefill, name) && JSON.stringify(prefill[name]) !== JSON.stringify(value),
  );
  return differs ? ["think"] : [];
}

interface Prefill extends Lowered {
  readonly continue: (
    messages: readonly ChatCompletionMessage[],
  ) => readonly ChatCompletionMessage[];
  readonly echo?: string;
  readonly path?: string | null;
}

/** A last message of the assistant is to be continued. */
function lowerPrefill(messages: readonly Message[], { dialect: { prefill } }: Backend): Prefill {
  const last = messages.at(-1);
  const nothing = {
    fields: {},
    ignored: [],
    continue: (same: readonly ChatCompletionMessage[]) => same,
  };
  if (last?.role !== "assistant" || last.toolCalls.length > 0) return nothing;
  if (prefill === null) return { ...nothing, ignored: ["messages.prefill"] };
  return {
    path: prefill.path,
    fields: prefill.request,
    ignored: [],
    continue: (lowered) =>
      lowered.map((message, index) =>
        index === lowered.length - 1 ? { ...message, ...prefill.message } : message,
      ),
    ...(prefill.echoed ? { echo: last.content } : {}),
  };
}

function lowerTools(tools: readonly Tool[], { dialect, model }: Backend): JsonObject {
  if (tools.length === 0) return {};
  if (!dialect.tools) throw invalidRequest(`${qualifiedName(model)} does not support tools`);
  return {
    tools: tools.map(lowerTool),
    ...(dialect.parallel_tool_calls ? { parallel_tool_calls: true } : {}),
  };
}

/** Some backends refuse a function whose parameters are absent or say nothing. */
function lowerTool(tool: Tool): unknown {
  const given = tool.function["parameters"] ?? {};
  const parameters = Object.keys(given).length === 0 ? { type: "object", properties: {} } : given;
  return { ...tool, function: { ...tool.function, parameters } };
}

function lowerLogprobs(
  { logprobs, topLogprobs }: ChatRequest | GenerateRequest,
  { dialect }: Backend,
): Lowered {
  if (!logprobs) return { fields: {}, ignored: [] };
  const top = Math.max(1, topLogprobs);
  switch (dialect.logprobs) {
    case "chat":
      return { fields: { logprobs: true, top_logprobs: top }, ignored: [] };
    case "integer":
      return { fields: { logprobs: top }, ignored: [] };
    case "none":
      return { fields: {}, ignored: ["logprobs"] };
  }
}

/** Words for what has no field, and the word that OpenAI asks for beside `json_object`. */
function worded(
  messages: readonly ChatCompletionMessage[],
  { fields, instruction }: LoweredFormat,
  dialect: Dialect,
): readonly ChatCompletionMessage[] {
  if (instruction !== undefined) return instruct(messages, instruction);
  const asksJson = asObject(fields["response_format"])?.["type"] === "json_object";
  const saysJson = messages.some(({ content }) => /json/i.test(textOf(content)));
  return dialect.json_word && asksJson && !saysJson
    ? instruct(messages, "Answer with JSON.")
    : messages;
}

function textOf(content: ChatCompletionMessage["content"] = ""): string {
  if (typeof content === "string") return content;
  return content.map((part) => (part.type === "text" ? part.text : "")).join(" ");
}
