import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Answer } from "./answer.ts";
import { ApiError, toErrorBody } from "./api-error.ts";
import { answerChat } from "./chat.ts";
import { answerCompletion } from "./completions.ts";
import { createEmbeddings } from "./embeddings.ts";
import { writeEvents } from "./event-writer.ts";
import { readJsonBody } from "./json-body.ts";
import type { JsonObject } from "./json-values.ts";
import { findModel, listModels } from "./models.ts";

export interface DemoBackend {
  /** `http://127.0.0.1:PORT/v1` */
  readonly baseUrl: string;
  /** Ends the open connections too. */
  close(): Promise<void>;
}

export interface DemoBackendOptions {
  /** The pause between two streamed pieces, in milliseconds. */
  readonly pace?: number;
}

type Route =
  | { readonly method: "GET"; readonly answer: (name: string) => Answer }
  | { readonly method: "POST"; readonly answer: (body: JsonObject) => Answer };

/** By path; `*` stands for a name. Other routes of OpenAI's API, `/v1/responses` say, are unknown. */
const routes: Readonly<Record<string, Route>> = {
  "/health": { method: "GET", answer: () => ({ json: { status: "ok" } }) },
  "/v1/models": { method: "GET", answer: () => ({ json: listModels() }) },
  "/v1/models/*": { method: "GET", answer: (name) => ({ json: findModel(name) }) },
  "/v1/chat/completions": { method: "POST", answer: answerChat },
  "/v1/completions": { method: "POST", answer: answerCompletion },
  "/v1/embeddings": { method: "POST", answer: (body) => ({ json: createEmbeddings(body) }) },
};

/**
 * Starts an OpenAI-compatible backend on a free port of the loopback interface. There is no
 * language model in it: it answers from fixed rules, so that every feature of the proxy can be
 * tried without a key.
 */
export async function startDemoBackend({
  pace = 15,
}: DemoBackendOptions = {}): Promise<DemoBackend> {
  const server = createServer((request, response) => {
    void serve(request, response, pace);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no TCP address");

  return {
    baseUrl: `http://127.0.0.1:${address.port}/v1`,
    async close() {
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
    },
  };
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  pace: number,
): Promise<void> {
  try {
    const answer = await findAnswer(request);
    if ("events" in answer) await writeEvents(response, answer.events, pace);
    else sendJson(response, 200, answer.json);
  } catch (error) {
    sendError(response, error);
  }
}

async function findAnswer(request: IncomingMessage): Promise<Answer> {
  const [path = ""] = (request.url ?? "").split("?");
  const method = request.method === "HEAD" ? "GET" : request.method;
  const name = /^\/v1\/models\/(.+)$/.exec(path)?.[1] ?? "";
  const route = routes[name === "" ? path : "/v1/models/*"];
  if (route === undefined) {
    throw new ApiError(404, `The demo backend has no ${path}.`, { code: "unknown_url" });
  }
  if (route.method !== method) {
    throw new ApiError(405, `${path} is for ${route.method} requests.`, {
      headers: { allow: route.method },
    });
  }
  return route.method === "GET" ? route.answer(name) : route.answer(await readJsonBody(request));
}

function sendError(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { status, message, details } =
    error instanceof ApiError ? error : new ApiError(500, String(error));
  sendJson(response, status, toErrorBody(message, status, details), details.headers);
}

function sendJson(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}
