import type { FastifyReply, FastifyRequest } from "fastify";
import type { ProxyError } from "../errors.ts";
import type { Logger } from "./logger.ts";

const maxNameLength = 128;

/** What balancers and clients ask all the time. */
const quietRoutes = new Set(["/", "/healthz", "/readyz", "/api/version", "/metrics", "/state"]);
const quietMethods = new Set(["HEAD", "OPTIONS"]);

/** What is known of a request besides its route and status. */
export interface RequestNote {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly error?: ProxyError | undefined;
  /** The answer was not to be had, or broke off, whatever its status. */
  readonly failed: boolean;
}

/** One line in the log for each request, when its response has closed or its client has left. */
export class RequestLog {
  readonly #log: Logger;
  readonly #pathPrefix: string;
  readonly #notes = new WeakMap<FastifyRequest, RequestNote>();
  #underWay = 0;

  constructor(log: Logger, pathPrefix: string) {
    this.#log = log;
    this.#pathPrefix = pathPrefix;
  }

  /** Requests whose response has not closed. */
  get underWay(): number {
    return this.#underWay;
  }

  opened(): void {
    this.#underWay += 1;
  }

  note(request: FastifyRequest, note: RequestNote): void {
    this.#notes.set(request, note);
  }

  /** @param ending what its handler ended with, or why this side ended its response */
  closed(
    request: FastifyRequest,
    reply: FastifyReply,
    milliseconds: number,
    ending: ProxyError | undefined,
  ): void {
    this.#underWay -= 1;
    const ended = endedBy(reply, ending);
    // What is to be said of an answer follows in the same turn of the event loop.
    setImmediate(() => this.#write(request, ended, milliseconds));
  }

  #write(request: FastifyRequest, { status, isCut, error: ending }: Ended, milliseconds: number) {
    const note = this.#notes.get(request);
    const { fields = {}, error = ending } = note ?? {};
    const failed = note?.failed === true || (isCut && status < 400);
    const route = this.#routeOf(request);
    const { method } = request;
    const isQuiet = quietRoutes.has(route) || quietMethods.has(method);
    const level = isQuiet ? "debug" : levelOf(status, failed);
    this.#log[level](
      {
        route,
        method,
        status,
        ms: Math.round(milliseconds),
        ...shortened(fields),
        ...describe(error),
      },
      messageOf(status, failed),
    );
  }

  /** As the route table has it; a path that a client made up is not repeated. */
  #routeOf({ routeOptions }: FastifyRequest): string {
    const { url = "none" } = routeOptions;
    return url.startsWith(`${this.#pathPrefix}/`) ? url.slice(this.#pathPrefix.length) : url;
  }
}

interface Ended {
  readonly status: number;
  /** By this side, before its end. */
  readonly isCut: boolean;
  readonly error: ProxyError | undefined;
}

/** What the client was told in the end, also where the connection was closed upon it. */
function endedBy({ raw }: FastifyReply, error: ProxyError | undefined): Ended {
  if (raw.writableFinished) return { status: raw.statusCode, isCut: false, error };
  if (error === undefined || error.code === "client_closed") {
    return { status: 499, isCut: false, error };
  }
  return { status: raw.headersSent ? raw.statusCode : error.status, isCut: true, error };
}

function levelOf(status: number, failed: boolean): keyof Logger {
  return failed || status >= 500 ? "warn" : "info";
}

function messageOf(status: number, failed: boolean): string {
  if (status === 499) return "client left";
  if (failed || status >= 500) return "did not answer";
  return status < 400 ? "answered" : "refused";
}

/** A name that a client chose must not fill the log. */
function shortened(fields: RequestNote["fields"]): object {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) => {
      if (value === undefined) return [];
      return [[name, typeof value === "string" ? value.slice(0, maxNameLength) : value]];
    }),
  );
}

/** Its code and that of its deepest cause: the words of either may repeat what somebody wrote. */
function describe(error: ProxyError | undefined): object {
  if (error === undefined) return {};
  const { code } = (deepestCause(error) ?? {}) as { code?: unknown };
  return { error: error.code, ...(typeof code === "string" ? shortened({ cause: code }) : {}) };
}

function deepestCause({ cause }: Error): unknown {
  return cause instanceof Error ? (deepestCause(cause) ?? cause) : cause;
}
