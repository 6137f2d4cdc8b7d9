import type { Config, Policy } from "../config/schema.ts";
import type { ErrorCode } from "../errors.ts";
import type { Catalog } from "../models/catalog.ts";
import type { CircuitState, UpstreamReading } from "../observe/upstream-metrics.ts";
import { sendJson } from "../server/responses.ts";
import type { Upstream } from "../upstream/upstream.ts";
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
  /** Seconds since the last look; absent where there was none. */
  readonly last_look_s?: number;
  /** Why it could not tell its models, if so. */
  readonly problem?: string;
  readonly circuit: {
    readonly state: CircuitState;
    /** In a row. */
    readonly failures: number;
    /** Seconds until a request may try it. */
    readonly open_s?: number;
  };
  /** By place in the configuration; those that rest say for how long and why. */
  readonly keys: ReturnType<Upstream["keys"]["list"]>;
  /** Seconds it is left alone, and why: it asked for that, or all its keys rest. */
  readonly rests_s?: number;
  readonly rests_because?: ErrorCode;
  readonly running: number;
  readonly queued: number;
  readonly limits: {
    readonly concurrent: number;
    readonly queue: number;
    readonly queue_timeout_s: number;
  };
  readonly lessons: readonly { readonly model: string; readonly what: readonly string[] }[];
}

/** Where a model is to be had, as configured. */
interface RouteState {
  readonly name: string;
  readonly policy: Policy;
  /** Every backend that lists it when absent. */
  readonly targets?: Config["routes"][string]["targets"];
  readonly fallback: readonly string[];
}

const silence: ReadonlySet<ErrorCode | undefined> = new Set([
  "upstream_unreachable",
  "upstream_timeout",
]);

/** As of the last look at each backend; nobody is asked for it. */
export function upstreamStates(catalog: Catalog): UpstreamState[] {
  return catalog.lists.map((list) => {
    const { upstream, entries, problem, askedAt } = list;
    const { limits, slots, dialect } = upstream;
    return {
      id: upstream.id,
      dialect: dialect.id,
      because: dialect.because,
      models: entries.length,
      reachable: !silence.has(problem?.code),
      ...(Number.isFinite(askedAt) ? { last_look_s: secondsSince(askedAt) } : {}),
      ...(problem === undefined ? {} : { problem: problem.message }),
      circuit: circuitState(upstream),
      keys: upstream.config.api_key === undefined ? [] : upstream.keys.list(),
      ...restState(upstream),
      running: slots.running,
      queued: slots.queued,
      limits: {
        concurrent: limits.concurrent,
        queue: limits.queue,
        queue_timeout_s: limits.queue_timeout / 1000,
      },
      lessons: upstream.lessons.list(),
    };
  });
}

/** The same for Prometheus, in figures. */
export function upstreamReadings(catalog: Catalog): UpstreamReading[] {
  return catalog.lists.map(({ upstream, entries, problem, toldAt }) => ({
    id: upstream.id,
    running: upstream.slots.running,
    queued: upstream.slots.queued,
    state: upstream.circuit.state,
    models: entries.length,
    listAgeSeconds: toldAt === undefined ? undefined : secondsSince(toldAt),
    stale: problem !== undefined,
    restsSeconds: restState(upstream).rests_s ?? 0,
    alarms: upstream.keys.alarms,
  }));
}

function circuitState({ circuit }: Upstream): UpstreamState["circuit"] {
  const { state, failures, remaining } = circuit;
  const open = state === "open" ? { open_s: Math.ceil(remaining / 1000) } : {};
  return { state, failures, ...open };
}

function restState({ resting }: Upstream): Pick<UpstreamState, "rests_s" | "rests_because"> {
  if (resting === undefined) return {};
  const seconds = Math.ceil((resting.until - performance.now()) / 1000);
  return { rests_s: seconds, rests_because: resting.error.code };
}

function routeStates({ routes, failover }: Config): RouteState[] {
  return Object.entries(routes).map(([name, { policy, targets, fallback }]) => ({
    name,
    policy: policy ?? failover.policy,
    ...(targets === undefined ? {} : { targets }),
    fallback,
  }));
}

function secondsSince(monotonic: number): number {
  return Math.round((performance.now() - monotonic) / 1000);
}

/** `GET /state` */
export const state: ServiceHandler =
  ({ config, catalog, lifecycle, overload }) =>
  (_, reply) =>
    sendJson(reply, {
      ready: !lifecycle.draining && overload.pressure === undefined && catalog.ready,
      upstreams: upstreamStates(catalog),
      routes: routeStates(config),
    });

/** `GET /metrics` */
export const metrics: ServiceHandler =
  ({ metrics: counted }) =>
  async (_, reply) =>
    reply.header("content-type", counted.contentType).send(await counted.text());
