import { invalidRequest } from "../errors.ts";
import type { LibraryModel } from "../models/library.ts";
import { withTag } from "../ollama/model-name.ts";
import { isObject, type JsonObject } from "../openai/json.ts";
import { dialectOf, resolveTarget, type Target } from "../routing/resolve.ts";
import { sendDocument, type ErrorShape } from "../server/responses.ts";
import { withOpenAIDefaults } from "../translate/openai-defaults.ts";
import { toJsonText } from "../server/json-text.ts";
import { readJson, type ServiceHandler, type Services } from "./services.ts";

/** Ollama's own fields, which some clients put into OpenAI bodies and strict backends refuse. */
const ollamaFields = new Set(["options", "keep_alive"]);

/** `POST /v1/…`: to the backend and back; only the model's name is made the backend's. */
export function passOn(path: string, errors: ErrorShape): ServiceHandler {
  return (services) => async (request, reply) => {
    // What Go's decoder, and so real Ollama, says of an empty body on these routes.
    const body = readJson(request, "EOF") ?? {};
    if (!isObject(body)) throw invalidRequest("request body: expected object");
    const model = body["model"];
    if (model !== undefined && typeof model !== "string")
      throw invalidRequest("model: expected string");
    if (model === undefined || model === "") throw invalidRequest("model is required");
    const target = await resolveTarget(services.library, services.cards, model);
    services.loaded.use(target.model, undefined);
    const ignored = Object.keys(body).filter((key) => ollamaFields.has(key));
    const kept = Object.fromEntries(Object.entries(body).filter(([key]) => !ollamaFields.has(key)));
    await services.answers.openai({
      request,
      reply,
      target,
      model,
      errors,
      stream: body["stream"] === true,
      ask: (chosen) => {
        const merged = withDefaults(kept, chosen, path);
        return {
          path,
          ignored: [...ignored, ...merged.ignored],
          body: { ...merged.body, model: chosen.model.entry.id },
        };
      },
    });
    return reply;
  };
}

/** A virtual model's own words and parameters, which the client's go before. */
function withDefaults(body: JsonObject, target: Target, path: string) {
  const { virtual, entry } = target.model;
  if (virtual === undefined) return { body, ignored: [] };
  return withOpenAIDefaults(path, body, virtual.merged, {
    model: entry.id,
    dialect: dialectOf(target, path === "/completions" ? "completion" : "chat"),
    contextLength: undefined,
    imageUrls: true,
  });
}

/** `GET /v1/models`: all backends' models, under the backends' own ids. */
export const listOpenAI: ServiceHandler =
  ({ library }) =>
  async (_, reply) => {
    const models = await library.list();
    const data = models.map((model) => openaiModel(openaiId(model), model));
    return sendDocument(reply, toJsonText({ object: "list", data }));
  };

/** `GET /v1/models/{id}`; ids may hold slashes. */
export const showOpenAI: ServiceHandler = (services: Services) => async (request, reply) => {
  const id = (request.params as { "*": string })["*"];
  const { model } = await resolveTarget(services.library, services.cards, id);
  return sendDocument(reply, toJsonText(openaiModel(id, model)));
};

/** A backend's model keeps its id there, unless it or its route was given another name. */
function openaiId({ name, entry, upstream, virtual }: LibraryModel): string {
  const own = upstream.selection.nameOf(entry);
  const isNamed =
    virtual !== undefined || own !== (entry.name ?? entry.id) || withTag(own) !== name;
  return isNamed ? name.replace(/:latest$/, "") : entry.id;
}

function openaiModel(id: string, { entry, upstream, virtual }: LibraryModel): object {
  const made = virtual === undefined ? undefined : Date.parse(virtual.chain[0].modified_at) / 1000;
  return {
    id,
    object: "model",
    created: Math.floor(made ?? entry.created ?? 0),
    owned_by: entry.ownedBy ?? upstream.id,
  };
}
