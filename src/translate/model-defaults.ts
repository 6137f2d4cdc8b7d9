import { parseOptions, type Options } from "../ollama/options.ts";
import type { ChatRequest, GenerateRequest, Message } from "../ollama/requests.ts";
import { asArray, asObject, type JsonObject } from "../openai/json.ts";
import type { Backend } from "./backend.ts";
import { lowerOptions } from "./sampling.ts";

/** What a model brings to every conversation; the request wins over it. */
export interface ModelDefaults {
  readonly system?: string;
  readonly template?: string;
  /** Ollama's options. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}

/**
 * A chat as Ollama merges it: the model's system text unless the client's first message is one, the
 * model's messages, then the client's.
 */
export function withChatDefaults(request: ChatRequest, model: ModelDefaults): ChatRequest {
  const { system = "", messages } = model;
  const needsSystem = system !== "" && request.messages[0]?.role !== "system";
  return {
    ...request,
    options: withParameters(request.options, model.parameters),
    messages: [
      ...(needsSystem ? [toMessage("system", system)] : []),
      ...messages.map(({ role, content }) => toMessage(role, content)),
      ...request.messages,
    ],
  };
}

/** A generate request as Ollama merges it; raw text gets parameters only. */
export function withGenerateDefaults(
  request: GenerateRequest,
  model: ModelDefaults,
): GenerateRequest {
  const options = withParameters(request.options, model.parameters);
  if (request.raw) return { ...request, options };
  const system = request.system === "" ? (model.system ?? "") : request.system;
  const { template = "" } = model;
  if (request.template !== "" || template === "") return { ...request, options, system };
  return fitsTemplate(request, template)
    ? { ...request, options, system, template }
    : { ...request, options, system, unknown: [...request.unknown, "template"] };
}

/** Images can't go into a text, and not every template has a gap to fill. */
function fitsTemplate({ images, suffix }: GenerateRequest, template: string): boolean {
  return images.length === 0 && (suffix === "" || /\.Suffix\b/.test(template));
}

/** The model's options under the client's. */
function withParameters(options: Options, parameters: ModelDefaults["parameters"]): Options {
  const { known } = parseOptions(parameters);
  return { ...options, known: { ...known, ...options.known } };
}

/**
 * A chat completion request of a client's own, which `/v1` passes on: the model's parameters where
 * it says nothing, its system text and messages before the client's.
 */
export function withOpenAIDefaults(
  body: JsonObject,
  model: ModelDefaults,
  backend: Backend,
): JsonObject {
  const options = withParameters({ known: {}, unknown: [] }, model.parameters);
  const { fields } = lowerOptions(options, "chat", backend, 0);
  const given = asArray(body["messages"]);
  if (given.length === 0) return { ...fields, ...body };
  const { system = "" } = model;
  const needsSystem = system !== "" && asObject(given[0])?.["role"] !== "system";
  return {
    ...fields,
    ...body,
    messages: [
      ...(needsSystem ? [{ role: "system", content: system }] : []),
      ...model.messages,
      ...given,
    ],
  };
}

function toMessage(role: string, content: string): Message {
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
