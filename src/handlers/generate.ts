import { invalidRequest } from "../errors.ts";
import { generateLineText } from "../inference/line-text.ts";
import { parseGenerateRequest, type GenerateRequest } from "../ollama/requests.ts";
import { resolveTarget } from "../routing/resolve.ts";
import { sendJson } from "../server/responses.ts";
import { encodeContext } from "../translate/context.ts";
import { isConversation, toGenerateRequest, toMessages } from "../translate/generate-request.ts";
import { joinGenerate } from "../translate/joined-response.ts";
import { GenerateResponseEncoder } from "../translate/response-encoder.ts";
import { refuseWhatModelCannot } from "./capabilities.ts";
import { readJson, type ServiceHandler } from "./services.ts";

/** `POST /api/generate`. Without a prompt it only loads or unloads the model. */
export const generate: ServiceHandler = (services) => async (request, reply) => {
  const generateRequest = parseGenerateRequest(readJson(request));
  const { model, stream, prompt, suffix, images, keepAlive, options } = generateRequest;
  const target = await resolveTarget(services.catalog, services.cards, model);
  refuseMixedRaw(generateRequest);
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
    return sendJson(reply, {
      model,
      created_at: identity.createdAt,
      response: "",
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
      request: generateRequest,
      use: isConversation(generateRequest) ? "chat" : "completion",
      messages: toMessages(generateRequest),
      lower: (left, backend) => toGenerateRequest(generateRequest, left, backend, datesOf(now)),
    },
    encoder: new GenerateResponseEncoder(
      identity,
      generateRequest.raw ? undefined : contextOf(generateRequest),
    ),
    lineText: generateLineText(identity),
    join: joinGenerate,
  });
  return reply;
};

/** For templates that tell the date. */
function datesOf(now: Date): { currentDate: string; yesterdayDate: string } {
  const yesterday = new Date(now.getTime() - 86_400_000);
  return { currentDate: dateText(now), yesterdayDate: dateText(yesterday) };
}

function dateText(time: Date): string {
  return time.toISOString().slice(0, 10);
}

function refuseMixedRaw({ raw, system, template, context }: GenerateRequest): void {
  if (raw && (system !== "" || template !== "" || context.length > 0)) {
    throw invalidRequest("raw mode does not support template, system, or context");
  }
}

function contextOf(request: GenerateRequest): (answer: string) => readonly number[] {
  return (content) => encodeContext([...toMessages(request), { role: "assistant", content }]);
}
