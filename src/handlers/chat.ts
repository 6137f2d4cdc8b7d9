import { invalidRequest } from "../errors.ts";
import { chatLineText } from "../inference/line-text.ts";
import { parseChatRequest } from "../ollama/requests.ts";
import { resolveTarget } from "../routing/resolve.ts";
import { sendJson } from "../server/responses.ts";
import { toChatCompletionRequest } from "../translate/chat-request.ts";
import { joinChat } from "../translate/joined-response.ts";
import { ChatResponseEncoder } from "../translate/response-encoder.ts";
import { refuseWhatModelCannot } from "./capabilities.ts";
import { readJson, type ServiceHandler } from "./services.ts";

/** `POST /api/chat`. Without messages it only loads or unloads the model. */
export const chat: ServiceHandler = (services) => async (request, reply) => {
  const chatRequest = parseChatRequest(readJson(request));
  const { model, stream, messages, keepAlive, options, tools } = chatRequest;
  if (model === "") throw invalidRequest("model is required");
  const target = await resolveTarget(services.catalog, services.cards, model);
  refuseWhatModelCannot(target, {
    ...chatRequest,
    use: "chat",
    tools: tools.length > 0,
    insert: false,
  });
  services.loaded.use(target.model, keepAlive, options.known.num_ctx);
  const identity = { model, createdAt: new Date().toISOString() };
  if (messages.length === 0) {
    return sendJson(reply, {
      model,
      created_at: identity.createdAt,
      message: { role: "assistant", content: "" },
      done: true,
      done_reason: keepAlive === 0 ? "unload" : "load",
    });
  }
  await services.answers.ollama({
    request,
    reply,
    target,
    model,
    errors: "ollama",
    stream,
    question: {
      request: chatRequest,
      use: "chat",
      messages,
      lower: (left, backend) =>
        toChatCompletionRequest(
          { request: chatRequest, messages: left, tools, ignored: [] },
          backend,
        ),
    },
    encoder: new ChatResponseEncoder(identity),
    lineText: chatLineText(identity),
    join: joinChat,
  });
  return reply;
};
