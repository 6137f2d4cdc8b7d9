import { z } from "zod";
import { capabilities } from "../ollama/responses.ts";
import { dialectIds } from "../dialects/dialects.ts";
import { overrideFields, type ConfiguredOverrides } from "../dialects/overrides.ts";

/** "500ms", "30s", "5m", "1h", or a number of seconds; becomes milliseconds. */
const duration = z
  .union([
    z.number().nonnegative(),
    z.string().regex(/^\d+(\.\d+)?(ms|s|m|h)$/, 'expected a duration such as "30s" or "5m"'),
  ])
  .transform((value) => {
    if (typeof value === "number") return value * 1000;
    const factor = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
    const unit = /[a-z]+$/.exec(value)?.[0] as keyof typeof factor;
    return Number.parseFloat(value) * factor[unit];
  });

const dialect = z
  .enum(dialectIds)
  .optional()
  .describe("How it differs from OpenAI's API; told from its address and answers when absent.");

const upstreamSchema = z.strictObject({
  id: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, "expected letters, digits, dots, dashes")
    .describe("Name of this backend in messages and logs."),
  base_url: z
    .url({ protocol: /^https?$/, error: "expected an http or https URL" })
    .refine((url) => !/^[a-z]+:\/\/[^/]*@/i.test(url), "put the key into api_key, not into the URL")
    .describe("Address of its OpenAI-compatible API, with `/v1` where it has one."),
  kind: z
    .enum(["openai", "ollama"])
    .default("openai")
    .describe(
      "`ollama`: a real Ollama, at its address without `/v1`; its own API is passed on unchanged.",
    ),
  api_key: z
    .string()
    .optional()
    .describe("Its key; write `${NAME}` to take it from the environment."),
  dialect,
  overrides: overrideFields
    .transform((given) => given as ConfiguredOverrides)
    .optional()
    .describe(
      "Corrections of that dialect, field by field; of `options`, `ranges` and `think` entry by entry.",
    ),
  models: z
    .array(z.string().min(1))
    .optional()
    .describe("Its models by name, for a backend that can't list them."),
  include: z
    .array(z.string().min(1))
    .optional()
    .describe("Ids of the models to serve; `*` stands for anything. All when absent."),
  exclude: z
    .array(z.string().min(1))
    .optional()
    .describe("Ids of models not to serve; `*` stands for anything."),
  rename: z
    .record(z.string(), z.string().min(1))
    .optional()
    .describe("Id of a model: the name that clients see instead."),
  headers: z
    .record(z.string(), z.string())
    .optional()
    .describe("Headers it wants besides the key, such as an organisation or an API version."),
});

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

const timeoutsSchema = z.strictObject({
  connect: duration
    .default(5_000)
    .describe("Connecting to a backend, TLS and name look-up included."),
  first_byte: duration
    .default(600_000)
    .describe("From the request until the backend says anything."),
  idle: duration.default(300_000).describe("Between two reads of a running stream."),
  idle_data: duration
    .default(600_000)
    .describe("Between two events of a running stream; pings don't count."),
  after_finish: duration.default(2_000).describe("For usage figures after the last text."),
  write_stall: duration.default(60_000).describe("For a client that stopped reading."),
  request_body: duration.default(60_000).describe("For a client to send its whole request."),
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

/**
 * The configuration: shape, defaults, and the text of docs/CONFIGURATION.md in one place. Unknown
 * keys are errors, so that a typo is told.
 */
export const configSchema = z.strictObject({
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
    .array(z.string().min(1))
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
    .describe("The backends. A model is served by the first that lists it."),
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
  shutdown: shutdownSchema.prefault({}).describe("What SIGTERM does."),
  admin: adminSchema
    .prefault({})
    .describe("What operators see: counts, and what was learned of each backend; off when absent."),
  log: logSchema.prefault({}).describe("Logging; prompts, answers and keys are never logged."),
});

export type Config = z.output<typeof configSchema>;
export type ConfigFile = z.input<typeof configSchema>;
export type UpstreamConfig = Config["upstreams"][number];
export type Timeouts = Config["timeouts"];
