import type { FastifyReply, FastifyRequest } from "fastify";
import type { Config } from "../config/schema.ts";
import type { Answers } from "../inference/answers.ts";
import type { EmbeddingAnswers } from "../inference/embedding-answers.ts";
import type { NativeAnswers } from "../inference/native-answers.ts";
import type { Cards } from "../models/cards.ts";
import type { Blobs } from "../models/blobs.ts";
import type { Catalog } from "../models/catalog.ts";
import type { Control } from "../models/control.ts";
import type { Library } from "../models/library.ts";
import type { LoadedModels } from "../models/loaded-models.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { ModelStore } from "../models/store.ts";
import type { Router } from "../routing/router.ts";
import type { Overload } from "../server/overload.ts";
import { parseJsonBody, refuseEncodedBody } from "../server/json-body.ts";

/** What handlers work with; made once, by the composition root. */
export interface Services {
  readonly config: Config;
  readonly catalog: Catalog;
  readonly library: Library;
  readonly store: ModelStore;
  readonly blobs: Blobs;
  readonly cards: Cards;
  readonly router: Router;
  readonly loaded: LoadedModels;
  readonly answers: Answers;
  readonly embeddings: EmbeddingAnswers;
  readonly native: NativeAnswers;
  /** What only some backends can do. */
  readonly control: Control;
  readonly metrics: Metrics;
  readonly lifecycle: { readonly draining: boolean };
  readonly overload: Overload;
}

export type ServiceHandler = (
  services: Services,
) => (request: FastifyRequest, reply: FastifyReply) => unknown;

/** The JSON of a request. @throws ProxyError 400 or 415. */
export function readJson(request: FastifyRequest, missing?: string): unknown {
  refuseEncodedBody(request.headers["content-encoding"]);
  return parseJsonBody(Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0), missing);
}
