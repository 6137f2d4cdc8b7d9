import { sendJson } from "../server/responses.ts";
import type { ServiceHandler } from "./services.ts";

/** The Ollama whose API this is; clients compare it with the least version they need. */
const ollamaVersion = "0.34.4";

/** `GET /`: how clients tell that Ollama is there. */
export const root: ServiceHandler = () => (_, reply) =>
  reply.header("content-type", "text/plain; charset=utf-8").send("Ollama is running");

/** `GET /api/version` */
export const version: ServiceHandler = () => (_, reply) =>
  sendJson(reply, { version: ollamaVersion });

/** `GET /healthz`: the process lives. */
export const healthz: ServiceHandler = () => (_, reply) => sendJson(reply, { status: "ok" });

/** `GET /readyz`: new requests are welcome. */
export const readyz: ServiceHandler =
  ({ lifecycle, overload, catalog }) =>
  async (_, reply) => {
    if (lifecycle.draining) return sendJson(reply.code(503), { status: "draining" });
    if (overload.pressure !== undefined) return sendJson(reply.code(503), { status: "overloaded" });
    await catalog.list();
    return catalog.ready
      ? sendJson(reply, { status: "ready" })
      : sendJson(reply.code(503), { status: "no backend has told its models" });
  };
