import { invalidRequest } from "../errors.ts";
import { generateLineText } from "../inference/line-text.ts";
import { parseGenerateRequest, type GenerateRequest, type Message } from "../ollama/requests.ts";
import { resolveTarget } from "../routing/resolve.ts";
import { sendJson } from "../server/responses.ts";
import { encodeContext } from "../translate/context.ts";
import {
  fitsModelTemplate,
  isConversation,
  toMessages,
  toTemplatedGenerateRequest,
} from "../translate/generate-request.ts";
import { withGenerateDefaults } from "../translate/model-defaults.ts";
import { joinGenerate } from "../translate/joined-response.ts";
import { GenerateResponseEncoder } from "../translate/response-encoder.ts";
import { refuseWhatModelCannot } from "./capabilities.ts";
import { datesOf } from "./dates.ts";
import { readJson, type ServiceHandler } from "./services.ts";

/** `POST /api/generate`. Without a prompt it only loads or unloads the model. */
export const generate: ServiceHandler = (services) => async (request, reply) => {
  const asked = parseGenerateRequest(readJson(request));
  const { model, stream, prompt, suffix, images, keepAlive } = asked;
  const target = await resolveTarget(services.library, services.cards, model);
  refuseMixedRaw(asked);
  const merged = target.model.virtual?.merged;
  const generateRequest = merged === undefined ? asked : withGenerateDefaults(asked, merged);
  const messages = toMessages(generateRequest, merged?.messages);
  const { options } = generateRequest;
  refuseWhatModelCannot(target, {
    ...generateRequest,
    use: "generate",
    tools: false,
    insert: suffix !== "",
  });
  services.loaded.use(target.model, keepAlive, options.known.num_ctx);
  const now = new Date();
  const identity = { model, createdAt: now.toISOString() };
  if (prompt === "" && images.length === 0 && suffix === "") {
    const wishes = { keepAlive, contextLength: options.known.num_ctx };
    await services.control.settle(target.model, wishes);
    return sendJson(reply, {
      model,
      created_at: identity.createdAt,
      response: "",
      done: true,
      done_reason: keepAlive === 0 ? "unload" : "load",
    });
  }
  const template = merged?.template ?? "";
  const isRendered = fitsModelTemplate(generateRequest, template);
  await services.answers.ollama({
    request,
    reply,
    target,
    model,
    errors: "ollama",
    stream,
    question: {
      request: generateRequest,
      use: isConversation(generateRequest) && !isRendered ? "chat" : "completion",
      messages,
      lower: (left, backend) =>
        toTemplatedGenerateRequest(generateRequest, template, left, backend, datesOf(now)),
    },
    encoder: new GenerateResponseEncoder(
      identity,
      generateRequest.raw ? undefined : contextOf(messages),
    ),
    lineText: generateLineText(identity),
    join: joinGenerate,
  });
  if (keepAlive === 0) await services.control.unload(target.model);
  return reply;
};

function refuseMixedRaw({ raw, system, template, context }: GenerateRequest): void {
  if (raw && (system !== "" || template !== "" || context.length > 0)) {
    throw invalidRequest("raw mode does not support template, system, or context");
  }
}

function contextOf(messages: readonly Message[]): (answer: string) => readonly number[] {
  return (content) => encodeContext([...messages, { role: "assistant", content }]);
}
