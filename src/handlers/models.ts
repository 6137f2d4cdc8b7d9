import { invalidRequest } from "../errors.ts";
import { withTag } from "../ollama/model-name.ts";
import { parseShowRequest } from "../ollama/requests.ts";
import { resolveTarget } from "../routing/resolve.ts";
import { sendJson } from "../server/responses.ts";
import { readJson, type ServiceHandler } from "./services.ts";

/** `GET /api/tags` */
export const list: ServiceHandler =
  ({ catalog, cards }) =>
  async (_, reply) => {
    const models = await catalog.list();
    return sendJson(reply, { models: models.map((model) => cards.listed(model)) });
  };

/** `POST /api/show` */
export const show: ServiceHandler =
  ({ catalog, cards }) =>
  async (request, reply) => {
    const { model } = parseShowRequest(readJson(request));
    if (model === "") throw invalidRequest("model is required");
    const target = await resolveTarget(catalog, cards, model, withTag(model));
    return sendJson(reply, cards.shown(target.model));
  };

/** `GET /api/ps` */
export const processes: ServiceHandler =
  ({ loaded }) =>
  (_, reply) =>
    sendJson(reply, { models: loaded.list() });
