import { parseOptions, type Options } from "../ollama/options.ts";
import { textMessage, type ChatRequest, type GenerateRequest } from "../ollama/requests.ts";

/** What a model brings to every conversation; the request wins over it. */
export interface ModelDefaults {
  readonly system?: string;
  readonly template?: string;
  /** Ollama's options. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}

/**
 * The turns that a chat with the model begins with.
 * @param hasSystem whether the client's own first message is a system text
 */
export function openingTurns(
  { system = "", messages }: ModelDefaults,
  hasSystem: boolean,
): ModelDefaults["messages"] {
  return system === "" || hasSystem ? messages : [{ role: "system", content: system }, ...messages];
}

/**
 * A chat as Ollama merges it: the model's system text unless the client's first message is one, the
 * model's messages, then the client's.
 */
export function withChatDefaults(request: ChatRequest, model: ModelDefaults): ChatRequest {
  const opening = openingTurns(model, request.messages[0]?.role === "system");
  return {
    ...request,
    options: withParameters(request.options, model.parameters),
    messages: [
      ...opening.map(({ role, content }) => textMessage(role, content)),
      ...request.messages,
    ],
  };
}

/** A generate request as Ollama merges it, but for the template; raw text gets parameters only. */
export function withGenerateDefaults(
  request: GenerateRequest,
  model: ModelDefaults,
): GenerateRequest {
  const options = withParameters(request.options, model.parameters);
  if (request.raw) return { ...request, options };
  const system = request.system === "" ? (model.system ?? "") : request.system;
  return { ...request, options, system };
}

/** The model's options under the client's. */
function withParameters(options: Options, parameters: ModelDefaults["parameters"]): Options {
  const { known, unknown } = parseOptions(parameters);
  return {
    known: { ...known, ...options.known },
    unknown: [...new Set([...unknown, ...options.unknown])],
  };
}
