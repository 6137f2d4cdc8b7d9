import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { answerTo, type Answer } from "./answer.ts";
import {
  Crashed,
  record,
  Refused,
  type Backend,
  type Heard,
  type Json,
  type Route,
} from "./backend.ts";
import { embeddingAnswer } from "./embedding.ts";
import { hearMessages } from "./messages.ts";
import { documentOf, streamText } from "./stream.ts";

/** A request that came, and what became of it. */
export interface PlayedRequest {
  readonly path: string;
  readonly body: Json;
  /** What was understood and answered; absent when it was refused. */
  readonly heard?: Heard;
  readonly answer?: Answer;
  readonly refused?: string;
}

export interface Player {
  /** Of the backend's API, as a user would configure it. */
  readonly baseUrl: string;
  readonly requests: readonly PlayedRequest[];
  /** Forgets what came. */
  reset(): void;
  close(): Promise<void>;
}

/** A server on a loopback port that behaves as this backend does. */
export async function startPlayer(backend: Backend): Promise<Player> {
  const requests: PlayedRequest[] = [];
  const routes = new Map(
    Object.entries(backend.routes).map(([path, route]) => [
      path.startsWith("origin:") ? path.slice("origin:".length) : `${backend.base}${path}`,
      route,
    ]),
  );

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? "/", "http://player").pathname;
    if (request.method !== "POST") return sendLookup(backend, path, response);
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const body = record(JSON.parse(Buffer.concat(pieces).toString()));
    try {
      checkKey(backend, request);
      const route = routes.get(path);
      if (route === undefined) {
        requests.push({ path, body, refused: "no such route" });
        return sendNothing(backend, response);
      }
      const heard = hear(backend, route, body);
      const played = answerTo(backend, heard);
      requests.push({ path, body, heard, answer: played });
      sendAnswer(backend, route, heard, played, response);
    } catch (error) {
      if (!(error instanceof Refused) && !(error instanceof Crashed)) throw error;
      requests.push({ path, body, refused: error.message });
      if (error instanceof Crashed) response.destroy();
      else send(response, error.status, error.details.body ?? backend.error(error));
    }
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      requests.push({
        path: request.url ?? "",
        body: {},
        refused: `the player broke: ${String(error)}`,
      });
      response.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}${backend.base}`,
    requests,
    reset: () => requests.splice(0),
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** @throws Refused or Crashed, as the backend would */
function hear(backend: Backend, route: Route, body: Json): Heard {
  const names = Object.keys(body);
  const strange = names.filter((name) => !Object.hasOwn(route.fields, name));
  if (strange.length > 0 && backend.unknown !== undefined) throw backend.unknown(strange);
  const fields = Object.assign(
    {},
    ...names.map((name) => route.fields[name]?.(body[name], name) ?? {}),
  ) as Json;
  const messages = hearMessages(body["messages"], backend.messages);
  const heard = { route: route.kind, body, fields, messages };
  for (const rule of [...backend.rules, ...(route.rules ?? [])]) rule(heard);
  return heard;
}

function checkKey({ key }: Backend, { headers }: IncomingMessage): void {
  if (key === undefined) return;
  const given = key === "api-key" ? headers["api-key"] : headers.authorization;
  if (given !== undefined) return;
  throw new Refused("no key", {
    status: 401,
    body: { error: { code: "401", message: "Access denied due to invalid subscription key." } },
  });
}

function sendAnswer(
  backend: Backend,
  route: Route,
  heard: Heard,
  answer: Answer,
  response: ServerResponse,
): void {
  if (route.kind === "embedding") return send(response, 200, embeddingAnswer(heard, route.vectors));
  const style = { ...backend.style, ...route.style };
  if (heard.body["stream"] !== true) return send(response, 200, documentOf(style, heard, answer));
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.end(streamText(style, heard, answer));
}

function sendLookup(backend: Backend, path: string, response: ServerResponse): void {
  const { base, list, probes = {} } = backend;
  if (path === `${base}/models` && list !== null) return send(response, 200, list);
  if (Object.hasOwn(probes, path)) return send(response, 200, probes[path]);
  return sendNothing(backend, response);
}

function sendNothing({ nothingHere }: Backend, response: ServerResponse): void {
  const { status, body } = nothingHere ?? {
    status: 404,
    body: { error: { message: "Not Found", type: "invalid_request_error" } },
  };
  send(response, status, body);
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const isText = typeof body === "string";
  response.writeHead(status, { "content-type": isText ? "text/plain" : "application/json" });
  response.end(isText ? body : JSON.stringify(body));
}
