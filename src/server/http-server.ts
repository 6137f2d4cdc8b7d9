import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import cors from "@fastify/cors";
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { ProxyError, serverBusy, toProxyError } from "../errors.ts";
import type { Logger } from "../observe/logger.ts";
import { limitArrival, limitPauses } from "./arrival-limit.ts";
import { sendError, sendJson, sendPlain, type ErrorShape } from "./responses.ts";
import { corsOptions, type CorsCallback } from "./cors-options.ts";
import { endingOf, noteEnding, shuttingDown } from "./endings.ts";
import { refuseConnection, refuseLate } from "./refused-connections.ts";
import { allowBody, faultOfHead } from "./request-head.ts";
import { isSameOrigin, type Guard } from "./guard.ts";
import { describeInternalError, logListenErrors } from "./internal-errors.ts";
import type { Overload, Pressure } from "./overload.ts";
import { closeWaitingResponses } from "./waiting-responses.ts";

export type Method = "GET" | "HEAD" | "POST" | "DELETE";
export type Handler = (request: FastifyRequest, reply: FastifyReply) => unknown;

/** One line of the route table. */
export interface Route {
  readonly methods: readonly Method[];
  readonly path: string;
  readonly handler: Handler;
  readonly errors: ErrorShape;
  /** Answers without the client's key: what a balancer asks. */
  readonly open?: boolean;
  /** Answers however much there is to do: it costs next to nothing. */
  readonly light?: boolean;
  /** The handler reads the body itself, from `request.raw`, with a bound of its own. */
  readonly raw?: boolean;
}

export interface HttpServerOptions {
  readonly routes: readonly Route[];
  readonly guard: Pick<Guard, keyof Guard>;
  readonly log: Logger;
  readonly pathPrefix: string;
  /** Largest request body, bytes. */
  readonly maxBody: number;
  /** Milliseconds for a whole request to arrive; of a raw one, between two reads of its body. */
  readonly requestTimeout: number;
  /** New requests are refused while there is too much to do. */
  readonly overload?: Overload;
  readonly onShed?: (pressure: Pressure) => void;
  readonly onOpened?: () => void;
  /**
   * The response has left, or its client has. Fastify's own hook does not tell of a response that was
   * taken over and then cut short.
   * @param error what the handler ended with, or why this side ended the response
   */
  readonly onClosed?: (
    request: FastifyRequest,
    reply: FastifyReply,
    milliseconds: number,
    error: ProxyError | undefined,
  ) => void;
}

export interface HttpServer {
  /** @returns the port, which the system chose when 0 was asked for. */
  listen(host: string, port: number): Promise<number>;
  /** From here on every response asks its client to close the connection. */
  startDraining(): void;
  /** Stops listening; resolves when the last running response is done. */
  close(): Promise<void>;
  /** Closes what is open, done or not. */
  cut(): void;
}

const allMethods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

const preflightVary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

/**
 * Milliseconds for the first request of a connection that was taken just before the end: a balancer
 * can't know, and will not send it to another replica.
 */
const lastRequests = 500;

/** The content type, for Fastify, of a body that is left alone. */
const rawBody = "application/octet-stream";

/** What Fastify keeps of a route for us. */
interface RouteConfig {
  readonly allow?: string;
  readonly errors?: ErrorShape;
  readonly raw?: boolean;
}

/** HTTP as real Ollama speaks it, on Fastify; knows nothing of models. */
export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const server = fastify({
    bodyLimit: options.maxBody,
    // Node's limit is the same for all routes; see arrival-limit.ts.
    requestTimeout: 0,
    keepAliveTimeout: 75_000,
    http: {
      headersTimeout: Math.min(10_000, options.requestTimeout),
      connectionsCheckingInterval: 2_000,
      maxHeaderSize: 16 * 1024,
    },
    exposeHeadRoutes: false,
    // The refusal would be in Fastify's words; see `refusing`.
    return503OnClosing: false,
    clientErrorHandler: refuseConnection,
    routerOptions: {
      ignoreTrailingSlash: true,
      ignoreDuplicateSlashes: true,
      maxParamLength: 1024,
    },
  });
  const dropUnused = watchUnusedConnections(server.server);
  closeWaitingResponses(server.server);
  logListenErrors(server.server, options.log);
  let draining = false;
  let closing = false;
  let refusing = false;
  server.server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
    allowBody(request, response, options.maxBody);
    server.server.emit("request", request, response);
  });
  server.server.on("request", (request, response) => {
    limitArrival(request, response, options.requestTimeout, refuseLate);
    // Node closes connections that are idle when it begins to close, not those that become so later.
    response.on("finish", () => {
      if (closing) server.server.closeIdleConnections();
    });
  });
  const open = new Set<ServerResponse>();
  const thrown = new WeakMap<FastifyRequest, ProxyError>();
  server.addHook("onRequest", (request, reply, done) => {
    const { raw } = reply;
    const start = performance.now();
    open.add(raw);
    options.onOpened?.();
    raw.once("close", () => {
      open.delete(raw);
      const error = endingOf(raw) ?? thrown.get(request);
      options.onClosed?.(request, reply, performance.now() - start, error);
    });
    done();
  });
  server.addHook("onRequest", async (request, reply) => {
    const fault = faultOfHead(request.raw);
    if (fault !== undefined) {
      const [status, error] = fault;
      return sendJson(reply.code(status).header("connection", "close"), { error });
    }
    if (draining || !reply.raw.shouldKeepAlive) reply.header("connection", "close");
    if (refusing) throw shuttingDown;
    // Clients send JSON under any content type, a malformed one or none.
    const { raw } = request.routeOptions.config as RouteConfig;
    request.headers["content-type"] = raw === true ? rawBody : "application/json";
    if (raw === true) limitPauses(request.raw, reply.raw, options.requestTimeout, refuseLate);
    if (!options.guard.allowsHost(request.headers.host)) return reply.code(403).send();
    if (request.method === "OPTIONS") tellMethods(request, reply);
    const { origin } = request.headers;
    const foreign = origin !== undefined && !isSameOrigin(origin, request.headers.host);
    if (foreign && !options.guard.allowsOrigin(origin)) return reply.code(403).send();
    if (foreign && request.method === "OPTIONS") reply.header("vary", preflightVary);
    return undefined;
  });
  await server.register(cors, () => (request: FastifyRequest, done: CorsCallback) => {
    done(null, corsOptions(request));
  });
  takeAnyBody(server);
  addRoutes(server, options);
  server.setNotFoundHandler((_, reply) => sendPlain(reply, 404, "404 page not found"));
  server.setErrorHandler((error, request, reply) => {
    const failure = fromFastify(error);
    thrown.set(request, failure);
    if (failure.code === "internal") {
      const { method, routeOptions } = request;
      const fields = { method, route: routeOptions.url, ...describeInternalError(failure.cause) };
      options.log.error(fields, "a request failed by a fault of this program");
    }
    // An answer that has begun can only be cut off: whose words it is in is not known here.
    if (reply.raw.headersSent) reply.hijack().raw.destroy();
    else sendError(reply, failure, shapeOf(request, options));
  });
  return {
    listen: async (host, port) => {
      await server.listen({ host, port });
      const address = server.server.address();
      return typeof address === "object" && address !== null ? address.port : port;
    },
    startDraining: () => {
      draining = true;
    },
    close: async () => {
      closing = true;
      const refuse = setTimeout(() => {
        refusing = true;
        dropUnused();
      }, lastRequests);
      await server.close();
      clearTimeout(refuse);
    },
    cut: () => {
      for (const response of open) noteEnding(response, shuttingDown);
      server.server.closeAllConnections();
    },
  };
}

/**
 * Browsers and HTTP clients connect ahead of their requests. Node takes such a connection for a busy
 * one, and while it closes it no longer checks for how long: it would wait for ever.
 * @returns what drops the connections on which nothing has been asked
 */
function watchUnusedConnections(server: Server): () => void {
  const unused = new Set<Socket>();
  server.on("connection", (socket) => {
    unused.add(socket);
    socket.once("close", () => unused.delete(socket));
  });
  server.on("request", ({ socket }) => unused.delete(socket));
  return () => {
    for (const socket of unused) socket.destroy();
  };
}

/** Real Ollama names a path's methods in the answer to any OPTIONS request. */
function tellMethods(request: FastifyRequest, reply: FastifyReply): void {
  const { allow } = request.routeOptions.config as RouteConfig;
  if (allow !== undefined) reply.header("allow", allow);
}

/** Handlers parse the bytes themselves, with bounds of their own. */
function takeAnyBody(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", { parseAs: "buffer" }, (_, body, done) => {
    done(null, body);
  });
  server.addContentTypeParser(rawBody, (_, __, done) => done(null));
}

function addRoutes(server: FastifyInstance, options: HttpServerOptions): void {
  for (const route of options.routes) {
    const url = `${options.pathPrefix}${route.path}`;
    server.route({
      method: [...route.methods],
      url,
      handler: route.handler,
      config: { errors: route.errors, raw: route.raw === true },
      preParsing: async (request) => {
        if (route.open !== true && !options.guard.allowsKey(request.headers.authorization)) {
          throw new ProxyError("unauthorized", "unauthorized");
        }
        if (route.light !== true) shed(options);
      },
    });
  }
  for (const [path, allowed] of methodsByPath(options.routes)) {
    const allow = allowed.join(", ");
    server.route({
      config: { allow },
      method: allMethods.filter((method) => !allowed.includes(method)),
      url: `${options.pathPrefix}${path}`,
      handler: (_, reply) => sendPlain(reply.header("allow", allow), 405, "405 method not allowed"),
    });
  }
}

/** @throws ProxyError while there is too much to do. */
function shed({ overload, onShed }: HttpServerOptions): void {
  const pressure = overload?.pressure;
  if (pressure === undefined) return;
  onShed?.(pressure);
  throw serverBusy();
}

function methodsByPath(routes: readonly Route[]): Map<string, string[]> {
  const methods = new Map<string, string[]>();
  for (const route of routes) {
    methods.set(route.path, [...(methods.get(route.path) ?? []), ...route.methods]);
  }
  return methods;
}

function shapeOf(request: FastifyRequest, options: HttpServerOptions): ErrorShape {
  const { errors } = request.routeOptions.config as RouteConfig;
  return errors ?? (request.url.startsWith(`${options.pathPrefix}/v1/`) ? "openai" : "ollama");
}

/** Fastify's own refusals, in our words. */
function fromFastify(error: unknown): ProxyError {
  switch ((error as { code?: string }).code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return new ProxyError("body_too_large", "request body too large", { cause: error });
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return new ProxyError("invalid_request", "request body is not as long as announced", {
        cause: error,
      });
    // The client left while it sent its request.
    case "ECONNRESET":
      return new ProxyError("client_closed", "client closed request", { cause: error });
    default:
      return toProxyError(error);
  }
}
