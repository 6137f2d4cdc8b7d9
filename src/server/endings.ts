import type { ServerResponse } from "node:http";
import { ProxyError } from "../errors.ts";

/** The client sent no more of its body. */
export const requestTimeout = new ProxyError("request_timeout", "request timeout");
/** The client read no more of its answer. */
export const writeStall = new ProxyError("write_stall", "the client does not read");
/** The time for last words was over. */
export const shuttingDown = new ProxyError("shutting_down", "server is shutting down");

const endings = new WeakMap<ServerResponse, ProxyError>();

/** That this side ends a response, whose client would else be taken for one that has left. */
export function noteEnding(response: ServerResponse, error: ProxyError): void {
  endings.set(response, error);
}

export function endingOf(response: ServerResponse): ProxyError | undefined {
  return endings.get(response);
}
