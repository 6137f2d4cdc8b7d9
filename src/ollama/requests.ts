import { z } from "zod";
import { invalidRequest } from "../errors.ts";
import { check, foldKeys, isRecord, optional, text } from "./fields.ts";
import { parseMedia, type Media } from "./media.ts";
import { parseKeepAlive, type KeepAlive } from "./duration.ts";
import { noOptions, parseOptions, type Options } from "./options.ts";

/** What a client may say of thinking; absent leaves it to the model. */
export type Think = boolean | "low" | "medium" | "high" | "max";

/** Structured output: any JSON, or JSON that fits a schema. */
export type Format = "json" | { readonly [key: string]: unknown };

export interface ToolCall {
  readonly id: string | undefined;
  readonly name: string;
  readonly arguments: unknown;
}

export interface Message {
  readonly role: string;
  readonly content: string;
  readonly thinking: string | undefined;
  readonly images: readonly Media[];
  readonly toolCalls: readonly ToolCall[];
  readonly toolName: string | undefined;
  readonly toolCallId: string | undefined;
}

export interface Tool {
  readonly type: "function";
  readonly function: { readonly name: string; readonly [key: string]: unknown };
}

/** What chat and generate have in common. */
export interface InferenceRequest {
  readonly model: string;
  readonly stream: boolean;
  readonly options: Options;
  readonly think: Think | undefined;
  readonly format: Format | undefined;
  readonly keepAlive: KeepAlive | undefined;
  readonly logprobs: boolean;
  readonly topLogprobs: number;
  /** Whether the oldest turns may be left out when the context is full. */
  readonly truncate: boolean;
  /** Fields the client sent that Ollama does not have, by name. */
  readonly unknown: readonly string[];
}

export interface ChatRequest extends InferenceRequest {
  readonly messages: readonly Message[];
  readonly tools: readonly Tool[];
}

export interface GenerateRequest extends InferenceRequest {
  readonly prompt: string;
  readonly suffix: string;
  readonly system: string;
  readonly template: string;
  readonly context: readonly number[];
  readonly raw: boolean;
  readonly images: readonly Media[];
}

export interface ShowRequest {
  readonly model: string;
  readonly verbose: boolean;
}

const inferenceFields = {
  model: text,
  stream: optional(z.boolean()),
  options: optional(z.record(z.string(), z.unknown())),
  think: z.unknown().optional(),
  format: z.unknown().optional(),
  keep_alive: z.unknown().optional(),
  logprobs: optional(z.boolean()),
  top_logprobs: optional(z.number()),
  truncate: optional(z.boolean()),
};

const toolCallSchema = z.object({
  id: text,
  function: z.object({ name: text, arguments: z.unknown().optional() }),
});

const messageFields = {
  role: text,
  content: text,
  thinking: text,
  images: optional(z.array(z.string())),
  tool_calls: optional(z.array(toolCallSchema)),
  tool_name: text,
  /** OpenAI's name for the same; OpenAI-minded clients send it. */
  name: text,
  tool_call_id: text,
};

const chatFields = {
  ...inferenceFields,
  messages: optional(z.array(z.unknown())),
  tools: optional(z.array(z.unknown())),
};

const generateFields = {
  ...inferenceFields,
  prompt: text,
  suffix: text,
  system: text,
  template: text,
  context: optional(z.array(z.number())),
  raw: optional(z.boolean()),
  images: optional(z.array(z.string())),
};

const showFields = { model: text, name: text, verbose: optional(z.boolean()) };

const schemas = {
  chat: z.object(chatFields),
  generate: z.object(generateFields),
  show: z.object(showFields),
  message: z.object(messageFields),
  tool: z.looseObject({ function: z.looseObject({ name: z.string() }) }),
};

/** A message that is nothing but text. */
export function textMessage(role: string, content: string): Message {
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

/** @throws ProxyError 400 that names the field. */
export function parseChatRequest(body: unknown): ChatRequest {
  const { fields, unknown } = foldKeys(body, chatFields);
  const parsed = check(schemas.chat, fields);
  const unknownInMessages = new Set<string>();
  const messages = (parsed.messages ?? []).map((message, i) => {
    const folded = foldKeys(message, messageFields, `messages[${i}]`);
    for (const name of folded.unknown) unknownInMessages.add(`messages.${name}`);
    return parseMessage(folded.fields, `messages[${i}]`);
  });
  return {
    ...inferenceRequest(parsed, [...unknown, ...unknownInMessages]),
    messages,
    tools: (parsed.tools ?? []).map((tool, i) => parseTool(tool, `tools[${i}]`)),
  };
}

/** @throws ProxyError 400 that names the field. */
export function parseGenerateRequest(body: unknown): GenerateRequest {
  const { fields, unknown } = foldKeys(body, generateFields);
  const parsed = check(schemas.generate, fields);
  return {
    ...inferenceRequest(parsed, unknown),
    prompt: parsed.prompt ?? "",
    suffix: parsed.suffix ?? "",
    system: parsed.system ?? "",
    template: parsed.template ?? "",
    context: parsed.context ?? [],
    raw: parsed.raw ?? false,
    images: (parsed.images ?? []).map(parseMedia),
  };
}

/** `model`, or the older `name`. @throws ProxyError 400 that names the field. */
export function parseShowRequest(body: unknown): ShowRequest {
  const parsed = check(schemas.show, foldKeys(body, showFields).fields);
  return { model: parsed.model || parsed.name || "", verbose: parsed.verbose ?? false };
}

function inferenceRequest(
  parsed: z.output<z.ZodObject<typeof inferenceFields>>,
  unknown: readonly string[],
): InferenceRequest {
  const topLogprobs = parsed.top_logprobs ?? 0;
  if (topLogprobs < 0 || topLogprobs > 20) {
    throw invalidRequest("top_logprobs must be between 0 and 20");
  }
  return {
    model: parsed.model ?? "",
    stream: parsed.stream ?? true,
    options: parsed.options === undefined ? noOptions : parseOptions(parsed.options),
    think: parseThink(parsed.think),
    format: parseFormat(parsed.format),
    keepAlive: parseKeepAlive(parsed.keep_alive),
    logprobs: parsed.logprobs ?? false,
    topLogprobs: Math.trunc(topLogprobs),
    truncate: parsed.truncate ?? true,
    unknown,
  };
}

function parseThink(value: unknown): Think | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "boolean") return value;
  if (value === "low" || value === "medium" || value === "high" || value === "max") return value;
  if (typeof value !== "string") throw invalidRequest("think must be a boolean or string");
  throw invalidRequest(
    `invalid think value: ${JSON.stringify(value)} (must be "high", "medium", "low", "max", true, or false)`,
  );
}

function parseFormat(value: unknown): Format | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (value === "json") return value;
  if (isRecord(value)) return value;
  throw invalidRequest(
    `invalid format: ${JSON.stringify(JSON.stringify(value))}; expected "json" or a valid JSON Schema object`,
  );
}

function parseMessage(fields: Readonly<Record<string, unknown>>, path: string): Message {
  const parsed = check(schemas.message, fields, path);
  return {
    role: parsed.role ?? "",
    content: parsed.content ?? "",
    thinking: parsed.thinking,
    images: (parsed.images ?? []).map(parseMedia),
    toolCalls: (parsed.tool_calls ?? []).map((call) => ({
      id: call.id,
      name: call.function.name ?? "",
      arguments: call.function.arguments ?? {},
    })),
    toolName: parsed.tool_name || parsed.name,
    toolCallId: parsed.tool_call_id,
  };
}

function parseTool(raw: unknown, path: string): Tool {
  return { type: "function", function: check(schemas.tool, raw, path).function };
}
