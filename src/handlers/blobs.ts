import type { FastifyRequest } from "fastify";
import { ProxyError } from "../errors.ts";
import type { ServiceHandler } from "./services.ts";

/** Bytes. Weights can't be imported, so nothing that is of use is larger. */
const maxBlob = 1024 ** 3;

/** `HEAD /api/blobs/:digest` */
export const hasBlob: ServiceHandler =
  ({ blobs }) =>
  async (request, reply) => {
    const digest = digestIn(request);
    if (await blobs.has(digest)) return reply.send();
    throw new ProxyError("not_found", `blob ${JSON.stringify(digest)} not found`);
  };

/** `POST /api/blobs/:digest`: a body of any size, which goes to the disk as it comes. */
export const keepBlob: ServiceHandler =
  ({ blobs }) =>
  async (request, reply) => {
    try {
      if (Number(request.headers["content-length"]) > maxBlob) {
        throw new ProxyError("body_too_large", "request body too large");
      }
      const outcome = await blobs.put(digestIn(request), request.raw, maxBlob);
      return reply.code(outcome === "created" ? 201 : 200).send();
    } catch (error) {
      // What was not read will not be.
      if (!request.raw.complete) reply.header("connection", "close");
      throw error;
    }
  };

function digestIn(request: FastifyRequest): string {
  return (request.params as { digest: string }).digest;
}
