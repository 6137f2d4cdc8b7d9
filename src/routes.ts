import { metrics, state } from "./handlers/admin.ts";
import { chat } from "./handlers/chat.ts";
import { embed, embeddings } from "./handlers/embed.ts";
import { generate } from "./handlers/generate.ts";
import { healthz, readyz, root, version } from "./handlers/health.ts";
import { list, processes, show } from "./handlers/models.ts";
import { listOpenAI, passOn, showOpenAI } from "./handlers/openai.ts";
import type { ServiceHandler, Services } from "./handlers/services.ts";
import type { Method, Route } from "./server/http-server.ts";
import type { ErrorShape } from "./server/responses.ts";

/** Every route, one line each. Start reading here. */
export function routes(services: Services): Route[] {
  const table = [
    ollama("HEAD GET", "/", root),
    ollama("HEAD GET", "/api/version", version),
    ollama("HEAD GET", "/api/tags", list),
    ollama("GET", "/api/ps", processes),
    ollama("POST", "/api/show", show),
    ollama("POST", "/api/chat", chat),
    ollama("POST", "/api/generate", generate),
    ollama("POST", "/api/embed", embed),
    ollama("POST", "/api/embeddings", embeddings),

    openai("GET", "/models", listOpenAI),
    openai("GET", "/models/*", showOpenAI),
    passed("/chat/completions", "openai"),
    passed("/completions", "openai"),
    passed("/embeddings", "openai"),
    passed("/responses", "responses"),
    passed("/messages", "anthropic"),

    { ...ollama("HEAD GET", "/healthz", healthz), open: true },
    { ...ollama("HEAD GET", "/readyz", readyz), open: true },
  ];
  return served(table, services);
}

/** What the admin listener serves, and the public one does not. */
export function adminRoutes(services: Services): Route[] {
  const table = [
    ollama("HEAD GET", "/metrics", metrics),
    ollama("HEAD GET", "/state", state),
    ollama("HEAD GET", "/healthz", healthz),
  ];
  return served(table, services);
}

function served(table: readonly Line[], services: Services): Route[] {
  return table.map((line) => ({ ...line, handler: line.handler(services) }));
}

type Line = Omit<Route, "handler"> & { readonly handler: ServiceHandler };

function ollama(methods: string, path: string, handler: ServiceHandler): Line {
  return { methods: methods.split(" ") as Method[], path, handler, errors: "ollama" };
}

function openai(methods: string, path: string, handler: ServiceHandler): Line {
  return { methods: methods.split(" ") as Method[], path: `/v1${path}`, handler, errors: "openai" };
}

/** A route of `/v1` that goes to the backend and back. */
function passed(path: string, errors: ErrorShape): Line {
  return { ...openai("POST", path, passOn(path, errors)), errors };
}
