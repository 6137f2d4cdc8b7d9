import type { FastifyReply, FastifyRequest } from "fastify";
import type { ErrorShape } from "../server/responses.ts";
import type { Target } from "../routing/resolve.ts";

/** One request on its way, as its handler knows it. */
export interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly target: Target;
  /** The model as the client spelled it. */
  readonly model: string;
  /** Whose words errors are told in. */
  readonly errors: ErrorShape;
}
