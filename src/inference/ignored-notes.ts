import type { FastifyReply } from "fastify";
import type { Logger } from "../observe/logger.ts";

const maxRemembered = 1_000;
const maxHeaderLength = 1_024;

/** Tells what a request asked for and did not get: each time in a header, once in the log. */
export class IgnoredNotes {
  readonly #log: Logger;
  readonly #logged = new Set<string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @returns the header's value; empty when nothing was ignored */
  note(reply: FastifyReply, model: string, names: readonly string[]): string {
    const value = names.map((name) => name.replace(/[^\w.-]/g, "_")).join(", ");
    const ignored = value.slice(0, maxHeaderLength);
    if (ignored !== "") reply.header("x-proxy-ignored", ignored);
    const key = `${model} ${ignored}`;
    if (ignored !== "" && !this.#logged.has(key) && this.#logged.size < maxRemembered) {
      this.#logged.add(key);
      this.#log.warn(
        { model, ignored },
        "this backend can't be told some of what a client asked for",
      );
    }
    return ignored;
  }

  /** An answer that a filter cut short ends with `stop` for Ollama's clients; the header tells. */
  filtered(reply: FastifyReply, ignored: string, finishReason: string | undefined): void {
    if (finishReason !== "content_filter") return;
    reply.header(
      "x-proxy-ignored",
      ignored === "" ? "content_filter" : `${ignored}, content_filter`,
    );
  }
}
