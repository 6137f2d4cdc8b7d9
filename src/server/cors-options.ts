import type cors from "@fastify/cors";
import type { FastifyRequest } from "fastify";
import { isSameOrigin } from "./guard.ts";

/** What real Ollama tells a browser it may send; the last ones are those of OpenAI's SDKs. */
const allowedHeaders =
  "Authorization,Content-Type,User-Agent,Accept,X-Requested-With,Openai-Beta,X-Stainless-Arch,X-Stainless-Async,X-Stainless-Custom-Poll-Interval,X-Stainless-Helper-Method,X-Stainless-Lang,X-Stainless-Os,X-Stainless-Package-Version,X-Stainless-Poll-Helper,X-Stainless-Retry-Count,X-Stainless-Runtime,X-Stainless-Runtime-Version,X-Stainless-Timeout";

type CorsOptions = NonNullable<Parameters<typeof cors>[1]>;
export type CorsCallback = (error: Error | null, options: CorsOptions) => void;

/** Origins have been checked before; a request without a foreign one has nothing to do with CORS. */
export function corsOptions(request: FastifyRequest): CorsOptions {
  const { origin, host } = request.headers;
  if (origin === undefined || isSameOrigin(origin, host))
    return { origin: false, preflight: false };
  return {
    origin: [origin],
    methods: ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"].join(","),
    allowedHeaders,
    maxAge: 43_200,
    strictPreflight: false,
  };
}
