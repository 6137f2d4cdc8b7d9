import { ProxyError } from "../errors.ts";
import { sendJson } from "../server/responses.ts";
import { readJson, type ServiceHandler } from "./services.ts";

/** `GET /api/status`: there is no cloud behind this server. */
export const cloudStatus: ServiceHandler = () => (_, reply) =>
  sendJson(reply, { cloud: { disabled: true, source: "config" } });

/** `POST /api/me`: what Ollama says when nobody has signed in. */
export const account: ServiceHandler = () => () => {
  throw new ProxyError("unauthorized", "unauthorized");
};

/** `POST /api/signout`: the same. */
export const signOut: ServiceHandler = () => () => {
  throw new ProxyError("unauthorized", "you are not currently signed in");
};

/** `GET /api/experimental/model-recommendations`: what can be talked to here. */
export const recommendations: ServiceHandler =
  ({ library, cards }) =>
  async (_, reply) => {
    const models = await library.list();
    const known = models.map((model) => ({ model, facts: cards.facts(model) }));
    const talking = known.filter(({ facts }) => facts.capabilities.includes("completion"));
    return sendJson(reply, {
      recommendations: talking.map(({ model, facts }) => ({
        model: model.name,
        description: `Served by the backend "${model.upstream.id}"`,
        ...(facts.contextLengthKnown ? { context_length: facts.contextLength } : {}),
      })),
    });
  };

/** `POST /api/experimental/web_search` and `web_fetch`: Ollama's refusal without its cloud. */
export function cloudOnly(what: string): ServiceHandler {
  return () => (request) => {
    readJson(request);
    const message = `ollama cloud is disabled: ${what} is unavailable`;
    throw new ProxyError("invalid_request", message, { status: 403 });
  };
}
