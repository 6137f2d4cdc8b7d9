import type { Dialect } from "../dialects/dialect.ts";
import type { OptionName, Options } from "../ollama/options.ts";
import type {
  ChatRequest,
  Format,
  GenerateRequest,
  Message,
  Think,
  Tool,
} from "../ollama/requests.ts";
import type { ChatCompletionRequest, CompletionRequest } from "../openai/requests.ts";
import { decodeContext } from "./context.ts";
import { toChatCompletionMessages } from "./messages.ts";

/** A request in the backend's words, and the names of what could not be said in them. */
export interface LoweredRequest {
  readonly path: "/chat/completions" | "/completions";
  readonly body: ChatCompletionRequest | CompletionRequest;
  /** What the client asked for and this backend can't be told; told to the client by name. */
  readonly ignored: readonly string[];
  /** Tokens of the prompt at a guess, for backends that tell no usage. */
  readonly promptEstimate: number;
  /** Candidates a token that the client wants told. */
  readonly topLogprobs: number;
}

type Fields = Readonly<Record<string, unknown>>;

export function toChatCompletionRequest(
  request: ChatRequest,
  model: string,
  dialect: Dialect,
): LoweredRequest {
  return lowerChat(request, request.messages, request.tools, model, dialect, []);
}

/** The conversation a generate request stands for: its `context`, `system` and `prompt`. */
export function toMessages(request: GenerateRequest): Message[] {
  const earlier = decodeContext(request.context) ?? [];
  const system = request.system === "" ? [] : [message("system", request.system)];
  const kept = system.length > 0 ? earlier.filter((turn) => turn.role !== "system") : earlier;
  return [
    ...system,
    ...kept.map((turn) => message(turn.role, turn.content)),
    { ...message("user", request.prompt), images: request.images },
  ];
}

/**
 * A generate request: a conversation for chat completions; with `raw`, or a `suffix` for a model
 * that inserts, the bare text for text completions.
 */
export function toGenerateRequest(
  request: GenerateRequest,
  model: string,
  dialect: Dialect,
  canInsert: boolean,
): LoweredRequest {
  const ignored = [
    ...(request.template !== "" ? ["template"] : []),
    ...(request.suffix !== "" && !canInsert ? ["suffix"] : []),
    ...(request.context.length > 0 && decodeContext(request.context) === undefined
      ? ["context"]
      : []),
  ];
  if (!request.raw && (request.suffix === "" || !canInsert)) {
    return lowerChat(request, toMessages(request), [], model, dialect, ignored);
  }
  const options = lowerOptions(request.options, dialect);
  const body: CompletionRequest = {
    model,
    prompt: request.prompt,
    ...(request.suffix !== "" && canInsert ? { suffix: request.suffix } : {}),
    ...options.fields,
    ...(request.format === undefined ? {} : { response_format: responseFormat(request.format) }),
    ...(request.logprobs ? { logprobs: Math.max(1, request.topLogprobs) } : {}),
    stream: true,
    stream_options: { include_usage: true },
  };
  return {
    path: "/completions",
    body,
    ignored: [
      ...request.unknown,
      ...ignored,
      ...options.ignored,
      ...(request.images.length > 0 ? ["images"] : []),
      ...(request.think !== undefined ? ["think"] : []),
    ],
    promptEstimate: estimateTokens(request.prompt.length),
    topLogprobs: request.topLogprobs,
  };
}

function lowerChat(
  request: ChatRequest | GenerateRequest,
  messages: readonly Message[],
  tools: readonly Tool[],
  model: string,
  dialect: Dialect,
  ignored: readonly string[],
): LoweredRequest {
  const options = lowerOptions(request.options, dialect);
  const thinking = lowerThink(request.think, dialect);
  const body: ChatCompletionRequest = {
    model,
    messages: toChatCompletionMessages(messages),
    ...(tools.length === 0 ? {} : { tools: tools.map(lowerTool) }),
    ...options.fields,
    ...thinking.fields,
    ...(request.format === undefined ? {} : { response_format: responseFormat(request.format) }),
    ...(request.logprobs
      ? { logprobs: true as const, top_logprobs: Math.max(1, request.topLogprobs) }
      : {}),
    stream: true,
    stream_options: { include_usage: true },
  };
  return {
    path: "/chat/completions",
    body,
    ignored: [
      ...request.unknown,
      ...ignored,
      ...options.ignored,
      ...thinking.ignored,
      ...(messages.some(({ thinking: thought }) => thought !== undefined)
        ? ["messages.thinking"]
        : []),
    ],
    topLogprobs: request.topLogprobs,
    promptEstimate: estimateTokens(messages.reduce((sum, { content }) => sum + content.length, 0)),
  };
}

function lowerOptions(options: Options, dialect: Dialect): { fields: Fields; ignored: string[] } {
  const fields: Record<string, unknown> = {};
  const ignored = options.unknown.map((name) => `options.${name}`);
  for (const [name, given] of Object.entries(options.known)) {
    const value = Array.isArray(given) ? given.filter((text) => text !== "") : given;
    const wireNames = dialect.options[name as OptionName];
    if (wireNames === undefined) ignored.push(`options.${name}`);
    else if (saysSomething(name, value)) for (const wireName of wireNames) fields[wireName] = value;
  }
  return { fields, ignored };
}

/** `num_predict` of 0 or less means no limit, and a `stop` without texts means none. */
function saysSomething(name: string, value: unknown): boolean {
  if (name === "num_predict") return typeof value === "number" && value > 0;
  return !Array.isArray(value) || value.length > 0;
}

function lowerThink(
  think: Think | undefined,
  dialect: Dialect,
): { fields: Fields; ignored: string[] } {
  if (think === undefined) return { fields: {}, ignored: [] };
  const level = typeof think === "string" && dialect.reasoningEffort;
  const switched = dialect.thinkingVariables.length > 0;
  const on = think !== false;
  return {
    fields: {
      ...(switched
        ? {
            chat_template_kwargs: Object.fromEntries(
              dialect.thinkingVariables.map((name) => [name, on]),
            ),
          }
        : {}),
      ...(level ? { reasoning_effort: think } : {}),
    },
    ignored: level || switched ? [] : ["think"],
  };
}

/** Some backends refuse a function whose parameters are absent or say nothing. */
function lowerTool(tool: Tool): unknown {
  const given = tool.function["parameters"] ?? {};
  const parameters = Object.keys(given).length === 0 ? { type: "object", properties: {} } : given;
  return { ...tool, function: { ...tool.function, parameters } };
}

function responseFormat(format: Format): unknown {
  if (format === "json") return { type: "json_object" };
  return { type: "json_schema", json_schema: { name: "response", schema: format } };
}

function estimateTokens(characters: number): number {
  return Math.ceil(characters / 4);
}

function message(role: string, content: string): Message {
  return {
    role,
    content,
    thinking: undefined,
    images: [],
    toolCalls: [],
    toolName: undefined,
    toolCallId: undefined,
  };
}
