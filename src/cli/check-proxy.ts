import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline";
import { request } from "undici";
import { createApp, type App } from "../app.ts";
import type { Config, UpstreamConfig } from "../config/schema.ts";
import { createLogger } from "../observe/logger.ts";
import { asCount, asObject, asText, parseJson, type JsonObject } from "../openai/json.ts";
import type { Cost } from "./check-cost.ts";

/** A proxy in front of one backend alone: what it answers is what a user gets of that backend. */
export interface LoneProxy {
  readonly app: App;
  /** Never throws: whatever went wrong is the answer's `error`. */
  ask(path: string, body: object, patience: number): Promise<Answer>;
  close(): Promise<void>;
}

/** What came back to one question. */
export interface Answer {
  /** Undefined where nothing came in time. */
  readonly status: number | undefined;
  /** The lines of a stream, or the one of a whole answer. */
  readonly lines: readonly JsonObject[];
  readonly error?: string;
  /** What the backend can't be told, by the names of `x-proxy-ignored`. */
  readonly ignored: readonly string[];
  /** Milliseconds until the first line with something in it. */
  readonly firstToken?: number;
  readonly cost: Cost;
}

export async function startLoneProxy(
  config: Config,
  upstream: UpstreamConfig,
  output: NodeJS.WritableStream,
): Promise<LoneProxy> {
  // Else whoever finds the port could use the backend meanwhile, with its owner's key.
  const key = randomBytes(32).toString("hex");
  const log = createLogger({ level: "silent", text: false, output });
  const app = await createApp(alone(config, upstream, key), log);
  const port = await app.listen();
  return {
    app,
    ask: (path, body, patience) =>
      ask(`http://127.0.0.1:${port}${path}`, { key, body: JSON.stringify(body), patience }),
    close: () => app.drain(true),
  };
}

/** The same backend and models, but nothing that would hide what one backend does by itself. */
function alone(config: Config, upstream: UpstreamConfig, key: string): Config {
  const { commit_after: _, ...rest } = config;
  return {
    ...rest,
    upstreams: [upstream],
    routes: {},
    listen: "127.0.0.1:0",
    api_key: key,
    path_prefix: "",
    admin: {},
    strict: false,
    stream_format: "ndjson",
    proxy_headers: true,
    failover: { ...config.failover, attempts: 1, ambiguous: false },
    circuit: { ...config.circuit, failures: Number.MAX_SAFE_INTEGER },
    health: { ...config.health, interval: 0 },
    overload: { heap: 0, event_loop_delay: 0 },
  };
}

interface Question {
  readonly key: string;
  readonly body: string;
  /** Milliseconds for all of the answer. */
  readonly patience: number;
}

async function ask(url: string, { key, body, patience }: Question): Promise<Answer> {
  const start = performance.now();
  const signal = AbortSignal.timeout(patience);
  const lines: JsonObject[] = [];
  let status: number | undefined;
  let headers: Readonly<Record<string, string | string[] | undefined>> = {};
  let firstToken: number | undefined;
  let broken: string | undefined;
  try {
    const response = await request(url, {
      method: "POST",
      headers: { authorization: `Bearer ${key}` },
      // One limit for all of it is enough.
      headersTimeout: 0,
      bodyTimeout: 0,
      body,
      signal,
    });
    status = response.statusCode;
    headers = response.headers;
    for await (const text of createInterface({ input: response.body })) {
      const line = asObject(parseJson(text)) ?? {};
      if (firstToken === undefined && saysSomething(line)) firstToken = performance.now() - start;
      lines.push(line);
    }
  } catch {
    broken = signal.aborted
      ? `no whole answer within ${patience / 1000} s`
      : "the answer broke off";
  }
  const told = asText(lines.at(-1)?.["error"]);
  const error = broken ?? told ?? (status === 200 ? undefined : `status ${status}`);
  return {
    status: broken === undefined ? status : undefined,
    lines,
    ignored: headers["x-proxy-ignored"]?.toString().split(", ") ?? [],
    cost: {
      requests: Number(headers["x-proxy-attempts"] ?? 1),
      input: asCount(lines.at(-1)?.["prompt_eval_count"]) ?? 0,
      output: asCount(lines.at(-1)?.["eval_count"]) ?? 0,
    },
    ...(error === undefined ? {} : { error }),
    ...(firstToken === undefined ? {} : { firstToken }),
  };
}

/** Of `/api/chat`. */
function saysSomething(line: JsonObject): boolean {
  const message = asObject(line["message"]);
  return (
    asText(message?.["content"]) !== undefined ||
    asText(message?.["thinking"]) !== undefined ||
    message?.["tool_calls"] !== undefined
  );
}
