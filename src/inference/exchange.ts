import type { FastifyReply, FastifyRequest } from "fastify";
import type { Config } from "../config/schema.ts";
import { ProxyError } from "../errors.ts";
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

/** Why an answer ended that nobody waits for. */
export const clientClosed = new ProxyError("client_closed", "client closed request");

/** The caller's own key, in any of the ways that clients of the three APIs send one. */
export function clientKeyOf({ headers }: FastifyRequest): string | undefined {
  const bearer = /^Bearer\s+(.+)$/i.exec(headers.authorization ?? "")?.[1];
  const [other] = [headers["x-api-key"] ?? headers["api-key"]].flat();
  return bearer ?? other;
}

/** Who answers, and after how many tries: for whoever looks for the reason of an answer. */
export function tellTries(
  reply: FastifyReply,
  { proxy_headers }: Pick<Config, "proxy_headers">,
  upstream: string,
  tries: number,
): void {
  if (!proxy_headers || reply.raw.headersSent) return;
  reply.header("x-proxy-upstream", upstream).header("x-proxy-attempts", String(tries));
}

/** A real Ollama has OpenAI's API beside its own. */
export function routeOf({ model }: Target, path: string): string {
  return model.upstream.kind === "ollama" ? `/v1${path}` : path;
}
