import type { ChatRequest, GenerateRequest } from "../ollama/requests.ts";
import type { Backend, LoweredRequest } from "./backend.ts";
import { toChatCompletionRequest, type Conversation } from "./chat-request.ts";
import { toTemplateRequest } from "./completion-request.ts";
import type { Dates } from "./template/functions.ts";

/** Whether a template says all of it: calls of tools and images can't come back out of bare text. */
export function fitsTemplate({ messages, tools }: ChatRequest): boolean {
  return tools.length === 0 && messages.every(({ images }) => images.length === 0);
}

/**
 * A chat with a model that has a template of its own: rendered, where that can say all of it and the
 * backend completes bare text, else a chat under the backend's template, and the model's is named as
 * ignored.
 */
export function toTemplatedChatRequest(
  conversation: Conversation & { readonly request: ChatRequest },
  template: string,
  backend: Backend,
  dates: Dates,
): LoweredRequest {
  const { request, messages, ignored } = conversation;
  if (!fitsTemplate(request) || backend.dialect.completions === null) {
    return toChatCompletionRequest({ ...conversation, ignored: [...ignored, "template"] }, backend);
  }
  const rendered: GenerateRequest = {
    ...request,
    prompt: "",
    suffix: "",
    system: "",
    template,
    context: [],
    raw: false,
    images: [],
  };
  return toTemplateRequest(rendered, messages, backend, dates);
}
