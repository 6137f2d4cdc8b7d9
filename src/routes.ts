import { chat } from "./handlers/chat.ts";
import { generate } from "./handlers/generate.ts";
import { healthz, readyz, root, version } from "./handlers/health.ts";
import { list, processes, show } from "./handlers/models.ts";
import { listOpenAI, passOn, showOpenAI } from "./handlers/openai.ts";
import type { Services } from "./handlers/services.ts";
import type { Route } from "./server/http-server.ts";

/** Every route, one line each. Start reading here. */
export function routes(services: Services): Route[] {
  return [
    { methods: ["GET", "HEAD"], path: "/", handler: root(services), errors: "ollama" },
    {
      methods: ["GET", "HEAD"],
      path: "/api/version",
      handler: version(services),
      errors: "ollama",
    },
    { methods: ["GET", "HEAD"], path: "/api/tags", handler: list(services), errors: "ollama" },
    { methods: ["GET"], path: "/api/ps", handler: processes(services), errors: "ollama" },
    { methods: ["POST"], path: "/api/show", handler: show(services), errors: "ollama" },
    { methods: ["POST"], path: "/api/chat", handler: chat(services), errors: "ollama" },
    { methods: ["POST"], path: "/api/generate", handler: generate(services), errors: "ollama" },

    { methods: ["GET"], path: "/v1/models", handler: listOpenAI(services), errors: "openai" },
    { methods: ["GET"], path: "/v1/models/*", handler: showOpenAI(services), errors: "openai" },
    {
      methods: ["POST"],
      path: "/v1/chat/completions",
      handler: passOn("/chat/completions")(services),
      errors: "openai",
    },
    {
      methods: ["POST"],
      path: "/v1/completions",
      handler: passOn("/completions")(services),
      errors: "openai",
    },
    {
      methods: ["POST"],
      path: "/v1/embeddings",
      handler: passOn("/embeddings")(services),
      errors: "openai",
    },
    {
      methods: ["POST"],
      path: "/v1/responses",
      handler: passOn("/responses", "responses")(services),
      errors: "responses",
    },
    {
      methods: ["POST"],
      path: "/v1/messages",
      handler: passOn("/messages", "anthropic")(services),
      errors: "anthropic",
    },

    {
      methods: ["GET", "HEAD"],
      path: "/healthz",
      handler: healthz(services),
      errors: "ollama",
      open: true,
    },
    {
      methods: ["GET", "HEAD"],
      path: "/readyz",
      handler: readyz(services),
      errors: "ollama",
      open: true,
    },
  ];
}
