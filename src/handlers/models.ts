import { invalidRequest } from "../errors.ts";
import { withTag } from "../ollama/model-name.ts";
import type { LibraryModel } from "../models/library.ts";
import { parseShowRequest } from "../ollama/requests.ts";
import { resolveTarget } from "../routing/resolve.ts";
import { toJsonText } from "../server/json-text.ts";
import { sendJson, sendJsonText } from "../server/responses.ts";
import { readJson, type ServiceHandler } from "./services.ts";

/** `GET /api/tags`. Clients ask often and lists are long, so each entry is printed once. */
export const list: ServiceHandler = ({ library, cards }) => {
  const printed = new WeakMap<LibraryModel, string>();
  const textOf = (model: LibraryModel) => {
    const text = printed.get(model) ?? toJsonText(cards.listed(model));
    printed.set(model, text);
    return text;
  };
  return async (_, reply) => {
    const models = await library.list();
    return sendJsonText(reply, `{"models":[${models.map(textOf).join(",")}]}`);
  };
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
