import type { FastifyRequest } from "fastify";
import type { ProxyError } from "../errors.ts";
import type { Retry } from "../routing/attempts.ts";
import type { Marks } from "../translate/metrics.ts";
import type { Tokens } from "./translator.ts";

/** How one request for an answer went, told once, when it is over. */
export interface AnswerReport {
  readonly request: FastifyRequest;
  /** As the catalog names it, never as the client spelled it. */
  readonly model: string;
  /** The backend that answered, or failed last; undefined where none was asked. */
  readonly upstream: string | undefined;
  /** Requests sent to backends. */
  readonly attempts: number;
  readonly retries: readonly Retry[];
  readonly marks: Marks;
  /** `failed`: after its first word. `refused`: before it. */
  readonly outcome: "ok" | "failed" | "refused" | "client_closed";
  readonly error?: ProxyError | undefined;
  /** As the backend counted them. */
  readonly tokens?: Tokens | undefined;
  /** Of a request for embeddings. */
  readonly texts?: number;
}
