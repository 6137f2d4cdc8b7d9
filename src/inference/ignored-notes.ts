import type { FastifyReply } from "fastify";
import { invalidRequest } from "../errors.ts";
import type { Logger } from "../observe/logger.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Exchange } from "./exchange.ts";

const maxRemembered = 1_000;
const header = "x-proxy-ignored";
const maxHeaderLength = 1_024;

/** Tells what a request asked for and did not get: each time in a header and a count, once in the log. */
export class IgnoredNotes {
  readonly #strict: boolean;
  readonly #log: Logger;
  readonly #metrics: Metrics;
  readonly #logged = new Set<string>();

  constructor(strict: boolean, log: Logger, metrics: Metrics) {
    this.#strict = strict;
    this.#log = log;
    this.#metrics = metrics;
  }

  /**
   * Takes the place of what was noted of an earlier try.
   * @param besides what is told as well, but is no error with `strict`
   * @throws ProxyError 400 with `strict`
   */
  note(
    { reply, target }: Pick<Exchange, "reply" | "target">,
    names: readonly string[],
    besides: readonly string[] = [],
  ): void {
    if (this.#strict && names.length > 0) {
      throw invalidRequest(`this backend can't be told: ${names.join(", ")}`);
    }
    const fields = [...names, ...besides].map((name) => name.replace(/[^\w.-]/g, "_"));
    const ignored = fields.join(", ").slice(0, maxHeaderLength);
    this.#count(fields, reply);
    if (ignored === "") reply.removeHeader(header);
    else reply.header(header, ignored);
    this.#logOnce(target.model.name, ignored);
  }

  /** One thing more, which nobody asked against and so is no error. */
  add(reply: FastifyReply, name: string): void {
    const noted = reply.getHeader(header);
    this.#metrics.countIgnored(name);
    reply.header(header, noted === undefined ? name : `${String(noted)}, ${name}`);
  }

  /** A request that is tried again says most of it again. */
  #count(fields: readonly string[], reply: FastifyReply): void {
    const noted = String(reply.getHeader(header) ?? "").split(", ");
    for (const field of fields) {
      if (!noted.includes(field)) this.#metrics.countIgnored(field);
    }
  }

  #logOnce(model: string, ignored: string): void {
    const key = `${model} ${ignored}`;
    if (ignored === "" || this.#logged.has(key) || this.#logged.size >= maxRemembered) return;
    this.#logged.add(key);
    this.#log.warn(
      { model, ignored },
      "this backend can't be told some of what a client asked for",
    );
  }
}
