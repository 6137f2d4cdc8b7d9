import { z } from "zod";
import { capabilities } from "../ollama/responses.ts";
import { overrideFields, type ConfiguredOverrides } from "../dialects/overrides.ts";
import { contradictions } from "./contradictions.ts";
import { duration, name } from "./fields.ts";
import {
  circuitSchema,
  failoverSchema,
  healthSchema,
  limitsSchema,
  overloadSchema,
  type policy,
  routeSchema,
  timeoutsSchema,
} from "./traffic-schema.ts";
import { dialect, upstreamSchema } from "./upstream-schema.ts";

const modelSchema = z.strictObject({
  capabilities: z
    .array(z.enum(capabilities))
    .min(1)
    .optional()
    .describe("What the model can do; decides what clients offer and what is refused."),
  context_length: z.int().positive().optional().describe("Its context window in tokens."),
  dialect,
  overrides: overrideFields
    .omit({ auth: true })
    .transform((given) => given as ConfiguredOverrides)
    .optional()
    .describe("Corrections for this model, laid over those of its backend; `auth` can't be one."),
});

const shutdownSchema = z.strictObject({
  drain_delay: duration
    .default(5_000)
    .describe("After SIGTERM, how long new requests are still served while `/readyz` says 503."),
  drain_timeout: duration
    .default(60_000)
    .describe("How long running streams may go on after that."),
});

const adminSchema = z.strictObject({
  listen: z
    .string()
    .optional()
    .describe(
      "Address of a second port with `/metrics` for Prometheus, `/state` and `/healthz`. It asks for no key, so any but loopback needs `insecure`.",
    ),
});

const logSchema = z.strictObject({
  level: z
    .enum(["debug", "info", "warn", "error", "silent"])
    .default("info")
    .describe("Least level that is logged."),
  format: z
    .enum(["auto", "json", "text"])
    .default("auto")
    .describe("`auto` is text on a terminal, JSON lines elsewhere."),
});

const settings = z.strictObject({
  listen: z
    .string()
    .default("127.0.0.1:11434")
    .describe("Address to listen on, `host:port`. Any but loopback needs `api_key` or `insecure`."),
  api_key: z
    .string()
    .min(1)
    .optional()
    .describe("Asked of every client as `Authorization: Bearer …`; never sent to a backend."),
  insecure: z
    .boolean()
    .default(false)
    .describe(
      "Allow other machines in without a key. Whoever reaches the port can use your backends.",
    ),
  origins: z
    .array(name)
    .default([])
    .describe("Web origins let in besides local ones; `*` in a name stands for anything."),
  path_prefix: z
    .string()
    .regex(/^(\/[A-Za-z0-9._~-]+)*$/, 'expected a path such as "/ollama"')
    .default("")
    .describe("Path under which all routes are served, for a proxy in front that shares its host."),
  keep_alive: z
    .union([
      z.number(),
      z
        .string()
        .regex(
          /^-?(0|(\d+(\.\d+)?(ns|us|ms|s|m|h))+)$/,
          'expected seconds or a duration such as "5m"',
        ),
    ])
    .default("5m")
    .describe("How long a used model stays listed by `ollama ps`, as a request's `keep_alive`."),
  context_length: z
    .int()
    .positive()
    .default(4096)
    .describe("Context window told of models whose own nobody knows."),
  strict: z
    .boolean()
    .default(false)
    .describe(
      "Refuse with 400 what a backend can't be told, instead of naming it in `x-proxy-ignored`.",
    ),
  image_urls: z
    .boolean()
    .default(false)
    .describe("Let `http` URLs of images through to the backend, which then fetches them."),
  stream_format: z
    .enum(["auto", "ndjson", "sse"])
    .default("auto")
    .describe(
      "Format of streams: `auto` is NDJSON unless the client's `Accept` prefers `text/event-stream`.",
    ),
  commit_after: duration
    .optional()
    .describe(
      "Send the headers of a stream after this long even if the backend said nothing yet. An error after that can no longer have its own status.",
    ),
  max_body: z
    .int()
    .positive()
    .default(64 * 1024 * 1024)
    .describe("Largest request body, bytes."),
  upstreams: z
    .array(upstreamSchema)
    .default([])
    .describe("The backends. A model is served by all that list it; see `routes`."),
  routes: z
    .record(name, routeSchema)
    .default({})
    .describe(
      "Where models are to be had, by the name that clients use; a `*` in it stands for anything, and the longest such name counts.",
    ),
  data_dir: z
    .string()
    .optional()
    .describe(
      "Where models that users create are kept; `$XDG_DATA_HOME/ollama-openai-proxy` when absent.",
    ),
  models: z
    .record(z.string(), modelSchema)
    .default({})
    .describe(
      "What is known of models, by the name that `ollama list` shows (`:latest` may be left out).",
    ),
  timeouts: timeoutsSchema.prefault({}).describe("All limits of time."),
  limits: limitsSchema.prefault({}).describe("What one backend is asked at the same time."),
  failover: failoverSchema.prefault({}).describe("What happens when a backend does not answer."),
  circuit: circuitSchema.prefault({}).describe("When a failing backend is left alone."),
  health: healthSchema.prefault({}).describe("Looks at the backends; they cost no tokens."),
  overload: overloadSchema.prefault({}).describe("When this process itself has too much to do."),
  proxy_headers: z
    .boolean()
    .default(true)
    .describe("Name backend and tries in `x-proxy-upstream` and `x-proxy-attempts`."),
  shutdown: shutdownSchema.prefault({}).describe("What SIGTERM does."),
  admin: adminSchema
    .prefault({})
    .describe("What operators see: counts, and what was learned of each backend; off when absent."),
  log: logSchema.prefault({}).describe("Logging; prompts, answers and keys are never logged."),
});

/**
 * The configuration: shape, defaults, and the text of docs/CONFIGURATION.md in one place. Unknown
 * keys are errors, so that a typo is told.
 */
export const configSchema = settings.superRefine((config, context) => {
  // What is wrong by itself may not even have the shape that it should have.
  if (context.issues.length > 0) return;
  for (const found of contradictions(config)) context.addIssue({ code: "custom", ...found });
});

export type Config = z.output<typeof configSchema>;
export type ConfigFile = z.input<typeof configSchema>;
export type UpstreamConfig = Config["upstreams"][number];
export type Timeouts = Config["timeouts"];
export type Limits = Config["limits"];
export type RouteConfig = Config["routes"][string];
export type Policy = z.output<typeof policy>;
