import { textMessage, type GenerateRequest, type Message } from "../ollama/requests.ts";
import type { Backend, LoweredRequest } from "./backend.ts";
import { toChatCompletionRequest } from "./chat-request.ts";
import { toInsertRequest, toRawRequest, toTemplateRequest } from "./completion-request.ts";
import { decodeContext } from "./context.ts";
import type { ModelDefaults } from "./model-defaults.ts";
import type { Dates } from "./template/functions.ts";

/**
 * The conversation a generate request stands for: its `context`, `system` and `prompt`.
 * @param first the model's own turns, with which a conversation without a `context` begins
 */
export function toMessages(
  request: GenerateRequest,
  first: ModelDefaults["messages"] = [],
): Message[] {
  const earlier = decodeContext(request.context) ?? [];
  const system = request.system === "" ? [] : [textMessage("system", request.system)];
  const kept = system.length > 0 ? earlier.filter((turn) => turn.role !== "system") : earlier;
  return [
    ...system,
    ...(request.context.length === 0 ? first : kept).map(({ role, content }) =>
      textMessage(role, content),
    ),
    { ...textMessage("user", request.prompt), images: request.images },
  ];
}

/** Whether it is put to a backend as a chat, not as bare text. */
export function isConversation({ raw, template, suffix }: GenerateRequest): boolean {
  return !raw && template === "" && suffix === "";
}

/**
 * A generate request: rendered text with `template`, a gap to fill with `suffix`, bare text with
 * `raw`, else a conversation.
 * @param messages what is left of the conversation
 * @param dates for templates that tell the date
 */
export function toGenerateRequest(
  request: GenerateRequest,
  messages: readonly Message[],
  backend: Backend,
  dates: Dates,
): LoweredRequest {
  if (request.template !== "") return toTemplateRequest(request, messages, backend, dates);
  if (request.suffix !== "") return toInsertRequest(request, backend);
  if (request.raw) return toRawRequest(request, backend);
  const foreign = request.context.length > 0 && decodeContext(request.context) === undefined;
  const ignored = foreign ? ["context"] : [];
  return toChatCompletionRequest({ request, messages, tools: [], ignored }, backend);
}

/**
 * Whether a template of the model's own says all of it: raw text has none and the client's comes
 * first, images can't go into a text, and not every template has a gap to fill.
 */
export function fitsModelTemplate(
  { raw, template, images, suffix }: GenerateRequest,
  own: string,
): boolean {
  const isOwn = own !== "" && !raw && template === "";
  return isOwn && images.length === 0 && (suffix === "" || /\.Suffix\b/.test(own));
}

/**
 * A generate request to a model that has a template of its own: rendered, where that can say all of
 * it and the backend completes bare text, else as without it, and it is named as ignored.
 */
export function toTemplatedGenerateRequest(
  request: GenerateRequest,
  own: string,
  messages: readonly Message[],
  backend: Backend,
  dates: Dates,
): LoweredRequest {
  const { raw, template, unknown } = request;
  if (own === "" || raw || template !== "") {
    return toGenerateRequest(request, messages, backend, dates);
  }
  return fitsModelTemplate(request, own) && backend.dialect.completions !== null
    ? toTemplateRequest({ ...request, template: own }, messages, backend, dates)
    : toGenerateRequest(
        { ...request, unknown: [...unknown, "template"] },
        messages,
        backend,
        dates,
      );
}
