import { invalidRequest } from "../errors.ts";
import { withTag } from "../ollama/model-name.ts";
import { parseShowRequest } from "../ollama/requests.ts";
import { resolveTarget } from "../routing/resolve.ts";
import { sendJson } from "../server/responses.ts";
import { readJson, type ServiceHandler } from "./services.ts";

/** `GET /api/tags` */
export const list: ServiceHandler =
  ({ library, cards }) =>
  async (_, reply) => {
    const models = await library.list();
    return sendJson(reply, { models: models.map((model) => cards.listed(model)) });
  };

/** `POST /api/show` */
export const show: ServiceHandler =
  ({ library, cards }) =>
  async (request, reply) => {
    const { model, verbose } = parseShowRequest(readJson(request));
    if (model === "") throw invalidRequest("model is required");
    const target = await resolveTarget(library, cards, model, withTag(model));
    return sendJson(reply, cards.shown(target.model, verbose));
  };

/** `GET /api/ps` */
export const processes: ServiceHandler =
  ({ loaded }) =>
  async (_, reply) =>
    sendJson(reply, { models: await loaded.list() });
