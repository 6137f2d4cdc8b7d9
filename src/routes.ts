import { account, cloudOnly, cloudStatus, recommendations, signOut } from "./handlers/account.ts";
import { metrics, state } from "./handlers/admin.ts";
import { hasBlob, keepBlob } from "./handlers/blobs.ts";
import { chat } from "./handlers/chat.ts";
import { create } from "./handlers/create.ts";
import { embed, embeddings } from "./handlers/embed.ts";
import { generate } from "./handlers/generate.ts";
import { healthz, readyz, root, version } from "./handlers/health.ts";
import { copy, remove } from "./handlers/library.ts";
import { list, processes, show } from "./handlers/models.ts";
import { nativeOr } from "./handlers/native.ts";
import { listOpenAI, passOn, showOpenAI } from "./handlers/openai.ts";
import { pull, push } from "./handlers/registry.ts";
import type { ServiceHandler, Services } from "./handlers/services.ts";
import type { Method, Route } from "./server/http-server.ts";
import type { ErrorShape } from "./server/responses.ts";
import type { NativeUse } from "./translate/native-request.ts";

/** Every route, one line each. Start reading here. */
export function routes(services: Services): Route[] {
  const table = [
    light("/", root),
    light("/api/version", version),
    ollama("HEAD GET", "/api/tags", list),
    ollama("GET", "/api/ps", processes),
    native("show", "/api/show", show),
    native("chat", "/api/chat", chat),
    native("generate", "/api/generate", generate),
    native("embed", "/api/embed", embed),
    native("embed", "/api/embeddings", embeddings),

    ollama("POST", "/api/create", create),
    ollama("POST", "/api/copy", copy),
    ollama("DELETE", "/api/delete", remove),
    ollama("POST", "/api/pull", pull),
    ollama("POST", "/api/push", push),
    ollama("HEAD", "/api/blobs/:digest", hasBlob),
    { ...ollama("POST", "/api/blobs/:digest", keepBlob), raw: true },

    ollama("GET", "/api/status", cloudStatus),
    ollama("POST", "/api/me", account),
    ollama("POST", "/api/signout", signOut),
    ollama("GET", "/api/experimental/model-recommendations", recommendations),
    ollama("POST", "/api/experimental/web_search", cloudOnly("web search")),
    ollama("POST", "/api/experimental/web_fetch", cloudOnly("web fetch")),

    openai("GET", "/models", listOpenAI),
    openai("GET", "/models/*", showOpenAI),
    passed("/chat/completions", "openai"),
    passed("/completions", "openai"),
    passed("/embeddings", "openai"),
    passed("/responses", "responses"),
    passed("/messages", "anthropic"),

    { ...light("/healthz", healthz), open: true },
    { ...light("/readyz", readyz), open: true },
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

/** A route that answers however much there is to do. */
function light(path: string, handler: ServiceHandler): Line {
  return { ...ollama("HEAD GET", path, handler), light: true };
}

/** A route that a real Ollama answers itself for its own models. */
function native(use: NativeUse, path: string, handler: ServiceHandler): Line {
  return ollama("POST", path, nativeOr(use, path, handler));
}

function openai(methods: string, path: string, handler: ServiceHandler): Line {
  return { methods: methods.split(" ") as Method[], path: `/v1${path}`, handler, errors: "openai" };
}

/** A route of `/v1` that goes to the backend and back. */
function passed(path: string, errors: ErrorShape): Line {
  return { ...openai("POST", path, passOn(path, errors)), errors };
}
