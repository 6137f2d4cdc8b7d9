import type { ErrorCode } from "../errors.ts";
import type { Catalog } from "../models/catalog.ts";
import { sendJson } from "../server/responses.ts";
import type { ServiceHandler } from "./services.ts";

/** What is known of one backend: no address and no key. */
export interface UpstreamState {
  readonly id: string;
  readonly dialect: string;
  /** How the dialect is known. */
  readonly because: string;
  readonly models: number;
  /** Whether the last look at it got any answer. */
  readonly reachable: boolean;
  /** Why it could not tell its models, if so. */
  readonly problem?: string;
  readonly lessons: readonly { readonly model: string; readonly what: readonly string[] }[];
}

const silence: ReadonlySet<ErrorCode | undefined> = new Set([
  "upstream_unreachable",
  "upstream_timeout",
]);

/** As of the last look at each backend; nobody is asked for it. */
export function upstreamStates(catalog: Catalog): UpstreamState[] {
  return catalog.lists.map(({ upstream, entries, problem }) => ({
    id: upstream.id,
    dialect: upstream.dialect.id,
    because: upstream.dialect.because,
    models: entries.length,
    reachable: !silence.has(problem?.code),
    ...(problem === undefined ? {} : { problem: problem.message }),
    lessons: upstream.lessons.list(),
  }));
}

/** `GET /state` */
export const state: ServiceHandler =
  ({ catalog }) =>
  (_, reply) =>
    sendJson(reply, { upstreams: upstreamStates(catalog) });

/** `GET /metrics` */
export const metrics: ServiceHandler =
  ({ metrics: counted }) =>
  async (_, reply) =>
    reply.header("content-type", counted.contentType).send(await counted.text());
