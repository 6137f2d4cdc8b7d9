import { invalidRequest } from "../errors.ts";
import type { CatalogModel } from "../models/catalog.ts";
import { isObject } from "../openai/json.ts";
import { resolveTarget } from "../routing/resolve.ts";
import { sendDocument, type ErrorShape } from "../server/responses.ts";
import { toJsonText } from "../server/json-text.ts";
import { readJson, type ServiceHandler, type Services } from "./services.ts";

/** Ollama's own fields, which some clients put into OpenAI bodies and strict backends refuse. */
const ollamaFields = new Set(["options", "keep_alive"]);

/** `POST /v1/…`: to the backend and back; only the model's name is made the backend's. */
export function passOn(path: string, errors: ErrorShape): ServiceHandler {
  return (services) => async (request, reply) => {
    // What Go's decoder, and so real Ollama, says of an empty body on these routes.
    const body = readJson(request, "EOF");
    if (!isObject(body)) throw invalidRequest("request body: expected object");
    const model = body["model"];
    if (model !== undefined && typeof model !== "string")
      throw invalidRequest("model: expected string");
    if (model === undefined || model === "") throw invalidRequest("model is required");
    const target = await resolveTarget(services.catalog, services.cards, model);
    services.loaded.use(target.model, undefined);
    const ignored = Object.keys(body).filter((key) => ollamaFields.has(key));
    const kept = Object.entries(body).filter(([key]) => !ollamaFields.has(key));
    await services.answers.openai({
      request,
      reply,
      target,
      model,
      path,
      errors,
      ignored,
      body: { ...Object.fromEntries(kept), model: target.model.entry.id },
    });
    return reply;
  };
}

/** `GET /v1/models`: all backends' models, under the backends' own ids. */
export const listOpenAI: ServiceHandler =
  ({ catalog }) =>
  async (_, reply) => {
    const models = await catalog.list();
    const data = models.map((model) => openaiModel(model.entry.id, model));
    return sendDocument(reply, toJsonText({ object: "list", data }));
  };

/** `GET /v1/models/{id}`; ids may hold slashes. */
export const showOpenAI: ServiceHandler = (services: Services) => async (request, reply) => {
  const id = (request.params as { "*": string })["*"];
  const { model } = await resolveTarget(services.catalog, services.cards, id);
  return sendDocument(reply, toJsonText(openaiModel(id, model)));
};

function openaiModel(id: string, { entry, upstream }: CatalogModel): object {
  return {
    id,
    object: "model",
    created: Math.floor(entry.created ?? 0),
    owned_by: entry.ownedBy ?? upstream.id,
  };
}
