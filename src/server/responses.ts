import type { FastifyReply } from "fastify";
import type { ProxyError } from "../errors.ts";
import { toJsonText } from "./json-text.ts";

/** Whose shape the errors of a route have. */
export type ErrorShape = "ollama" | "openai";

/** `{"error":"text"}`, or OpenAI's object on `/v1`. */
export function errorBody(error: ProxyError, shape: ErrorShape): object {
  if (shape === "ollama") return { error: error.message };
  return { error: { message: error.message, type: error.type, param: null, code: null } };
}

/** The whole answer of a request that failed before its commit point. */
export function sendError(reply: FastifyReply, error: ProxyError, shape: ErrorShape): FastifyReply {
  if (error.retryAfter !== undefined) reply.header("retry-after", String(error.retryAfter));
  return sendJson(reply.code(error.status), errorBody(error, shape));
}

export function sendJson(reply: FastifyReply, value: unknown): FastifyReply {
  return reply.header("content-type", "application/json; charset=utf-8").send(toJsonText(value));
}

/** JSON text as OpenAI's API sends it; as bytes, since to a text Fastify would add a charset. */
export function sendDocument(reply: FastifyReply, json: string): FastifyReply {
  return reply.header("content-type", "application/json").send(Buffer.from(json));
}

export function sendPlain(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).header("content-type", "text/plain").send(text);
}
