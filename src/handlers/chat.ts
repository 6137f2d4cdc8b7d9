import { invalidRequest } from "../errors.ts";
import { chatLineText } from "../inference/line-text.ts";
import { parseChatRequest } from "../ollama/requests.ts";
import { resolveTarget } from "../routing/resolve.ts";
import { sendJson } from "../server/responses.ts";
import { toChatCompletionRequest } from "../translate/chat-request.ts";
import { joinChat } from "../translate/joined-response.ts";
import { withChatDefaults } from "../translate/model-defaults.ts";
import { fitsTemplate, toTemplatedChatRequest } from "../translate/templated-chat.ts";
import { ChatResponseEncoder } from "../translate/response-encoder.ts";
import { refuseWhatModelCannot } from "./capabilities.ts";
import { datesOf } from "./dates.ts";
import { readJson, type ServiceHandler } from "./services.ts";

/** `POST /api/chat`. Without messages it only loads or unloads the model. */
export const chat: ServiceHandler = (services) => async (request, reply) => {
  const asked = parseChatRequest(readJson(request));
  const { model, stream, keepAlive, tools } = asked;
  if (model === "") throw invalidRequest("model is required");
  const target = await resolveTarget(services.library, services.cards, model);
  const merged = target.model.virtual?.merged;
  const chatRequest = merged === undefined ? asked : withChatDefaults(asked, merged);
  const { messages, options } = chatRequest;
  refuseWhatModelCannot(target, {
    ...chatRequest,
    use: "chat",
    tools: tools.length > 0,
    insert: false,
  });
  services.loaded.use(target.model, keepAlive, options.known.num_ctx);
  const now = new Date();
  const identity = { model, createdAt: now.toISOString() };
  if (asked.messages.length === 0) {
    const wishes = { keepAlive, contextLength: options.known.num_ctx };
    await services.control.settle(target.model, wishes);
    return sendJson(reply, {
      model,
      created_at: identity.createdAt,
      message: { role: "assistant", content: "" },
      done: true,
      done_reason: keepAlive === 0 ? "unload" : "load",
    });
  }
  const template = merged?.template ?? "";
  const isRendered = template !== "" && fitsTemplate(chatRequest);
  await services.answers.ollama({
    request,
    reply,
    target,
    model,
    errors: "ollama",
    stream,
    question: {
      request: chatRequest,
      use: isRendered ? "completion" : "chat",
      messages,
      lower: (left, backend) => {
        const conversation = { request: chatRequest, messages: left, tools, ignored: [] };
        return template === ""
          ? toChatCompletionRequest(conversation, backend)
          : toTemplatedChatRequest(conversation, template, backend, datesOf(now));
      },
    },
    encoder: new ChatResponseEncoder(identity),
    lineText: chatLineText(identity),
    join: joinChat,
  });
  if (keepAlive === 0) await services.control.unload(target.model);
  return reply;
};
