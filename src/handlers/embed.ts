import { invalidRequest, ProxyError } from "../errors.ts";
import {
  parseEmbedRequest,
  parseEmbeddingsRequest,
  type EmbeddingRequest,
} from "../ollama/embed-requests.ts";
import { resolveTarget, type Target } from "../routing/resolve.ts";
import { sendJson } from "../server/responses.ts";
import { toUnitVector } from "../translate/embeddings.ts";
import { refuseWithoutEmbeddings } from "./capabilities.ts";
import { readJson, type ServiceHandler, type Services } from "./services.ts";

const errors = "ollama" as const;

/** `POST /api/embed`: vectors of length 1. */
export const embed: ServiceHandler = (services) => async (request, reply) => {
  const embedRequest = parseEmbedRequest(readJson(request));
  const { model, texts, dimensions, truncate } = embedRequest;
  return retelling(model, async () => {
    const target = await findTarget(services, embedRequest);
    if (texts.length === 0) return sendJson(reply, { model, embeddings: [] });
    if (texts.includes("")) {
      throw invalidRequest("input exceeds maximum context length and cannot be truncated further");
    }
    const ignored = namesOfIgnored(embedRequest);
    const question = {
      request,
      reply,
      target,
      model,
      errors,
      texts,
      dimensions,
      truncate,
      ignored,
    };
    const answer = await services.embeddings.answer(question);
    if (answer === undefined) return reply;
    const embeddings = answer.vectors.map((vector) => toUnitVector(vector, dimensions));
    sendJson(reply, { model, embeddings, ...answer.metrics });
    if (embedRequest.keepAlive === 0) await services.control.unload(target.model);
    return reply;
  });
};

/** `POST /api/embeddings`, the older route: one vector, as the backend gave it. */
export const embeddings: ServiceHandler = (services) => async (request, reply) => {
  const embeddingsRequest = parseEmbeddingsRequest(readJson(request));
  const { model, texts } = embeddingsRequest;
  if (model === "") throw invalidRequest("model is required");
  return retelling(model, async () => {
    const target = await findTarget(services, embeddingsRequest);
    if (texts.length === 0) return sendJson(reply, { embedding: [] });
    const ignored = namesOfIgnored(embeddingsRequest);
    const limits = { dimensions: 0, truncate: true };
    const question = { request, reply, target, model, errors, texts, ...limits, ignored };
    const answer = await services.embeddings.answer(question);
    if (answer === undefined) return reply;
    sendJson(reply, { embedding: Array.from(answer.vectors[0] ?? []) });
    if (embeddingsRequest.keepAlive === 0) await services.control.unload(target.model);
    return reply;
  });
};

async function findTarget(services: Services, request: EmbeddingRequest): Promise<Target> {
  const { model, keepAlive, options } = request;
  const target = await resolveTarget(services.library, services.cards, model);
  refuseWithoutEmbeddings(target, model);
  services.loaded.use(target.model, keepAlive, options.known.num_ctx);
  return target;
}

/** All options are about writing text, or about how a model is loaded. */
function namesOfIgnored({ options, unknown }: EmbeddingRequest): string[] {
  const names = [...Object.keys(options.known), ...options.unknown];
  return [...unknown, ...names.map((name) => `options.${name}`)];
}

/** Ollama's text for an unknown model is another one on these routes. */
async function retelling<Result>(model: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ProxyError) || error.code !== "model_not_found" || model === "") {
      throw error;
    }
    const text = `model ${JSON.stringify(model)} not found, try pulling it first`;
    throw new ProxyError("model_not_found", text, { cause: error });
  }
}
