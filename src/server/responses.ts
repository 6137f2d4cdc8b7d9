import { randomBytes } from "node:crypto";
import type { FastifyReply } from "fastify";
import type { ProxyError } from "../errors.ts";
import { toJsonText } from "./json-text.ts";

/** Whose shape the errors of a route have. */
export type ErrorShape = keyof typeof errorBodies;

const errorBodies = {
  ollama: ({ message }: ProxyError) => ({ error: message }),
  openai: ({ message, type }: ProxyError) => ({
    error: { message, type, param: null, code: null },
  }),
  responses: ({ message, type, status }: ProxyError) => ({
    error: { message, type, param: null, code: status === 400 ? type : null },
  }),
  anthropic: ({ message, type }: ProxyError) => ({
    type: "error",
    error: { type, message },
    request_id: `req_${randomBytes(12).toString("hex")}`,
  }),
} as const;

export function errorBody(error: ProxyError, shape: ErrorShape): object {
  return errorBodies[shape](error);
}

/** The whole answer of a request that failed before its commit point. */
export function sendError(reply: FastifyReply, error: ProxyError, shape: ErrorShape): FastifyReply {
  if (error.retryAfter !== undefined) reply.header("retry-after", String(error.retryAfter));
  return sendJson(reply.code(error.status), errorBody(error, shape));
}

export function sendJson(reply: FastifyReply, value: unknown): FastifyReply {
  return sendJsonText(reply, toJsonText(value));
}

/** JSON that is printed already. */
export function sendJsonText(reply: FastifyReply, json: string): FastifyReply {
  return reply.header("content-type", "application/json; charset=utf-8").send(json);
}

/** JSON text as OpenAI's API sends it; as bytes, since to a text Fastify would add a charset. */
export function sendDocument(reply: FastifyReply, json: string): FastifyReply {
  return reply.header("content-type", "application/json").send(Buffer.from(json));
}

export function sendPlain(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).header("content-type", "text/plain").send(text);
}
