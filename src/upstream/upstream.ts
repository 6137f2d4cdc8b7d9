import { Agent, buildConnector, type Dispatcher } from "undici";
import { ModelSelection } from "../config/model-selection.ts";
import type { Timeouts, UpstreamConfig } from "../config/schema.ts";
import type { Dialect } from "../dialects/dialect.ts";
import { ProxyError } from "../errors.ts";
import { Failures } from "./failures.ts";
import { KnownDialect, type ConfiguredDialect } from "./known-dialect.ts";
import { Lessons, type Use } from "./lessons.ts";
import { ResponseHandler, type ResponseListener, type UpstreamCall } from "./response-handler.ts";

const maxListBytes = 8 * 1024 * 1024;
const maxDocumentBytes = 256 * 1024 * 1024;

const probeTimeout = 1_500;
const jsonType = "application/json";

type RequestOptions = Pick<Dispatcher.DispatchOptions, "method" | "path" | "headers" | "body">;

interface DocumentOptions {
  /** Milliseconds for all of it. */
  readonly timeout: number;
  readonly signal?: AbortSignal;
}

/** One backend: its address, its key, its connections. */
export class Upstream {
  readonly id: string;
  readonly kind: UpstreamConfig["kind"];
  /** Which of its models are served, and under which names. */
  readonly selection: ModelSelection;
  readonly failures: Failures;
  /** What its refusals taught. */
  readonly lessons = new Lessons();
  /** Model names from the configuration, for a backend that can't list its own. */
  readonly configuredModels: readonly string[] | undefined;
  readonly #baseUrl: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #agent: Agent;
  readonly #dialect: KnownDialect;

  constructor(config: UpstreamConfig, timeouts: Pick<Timeouts, "connect">) {
    this.id = config.id;
    this.kind = config.kind;
    this.selection = new ModelSelection(config);
    this.#baseUrl = new URL(config.base_url);
    const known = config.kind === "ollama" ? { ...config, dialect: config.kind } : config;
    this.#dialect = new KnownDialect(known, this.#baseUrl);
    this.configuredModels = config.models;
    this.failures = new Failures(config.id, [
      config.api_key ?? "",
      ...Object.values(config.headers ?? {}),
    ]);
    this.#headers = {
      "user-agent": "ollama-openai-proxy",
      "accept-encoding": "identity",
      ...authorization(config.api_key, this.#dialect),
      ...config.headers,
    };
    // Limits of time are ours, per stream: undici's own are coarse and would end slow prompts.
    this.#agent = new Agent({
      connect: connector(timeouts.connect),
      headersTimeout: 0,
      bodyTimeout: 0,
      pipelining: 1,
    });
  }

  /** Starts a POST. Redirects are not followed: one could carry the key to another host. */
  post(
    path: string,
    body: string | Buffer,
    accept: string,
    listener: ResponseListener,
  ): UpstreamCall {
    const headers = { ...this.#headers, accept, "content-type": "application/json" };
    return this.#dispatch({ method: "POST", path: this.#path(path), headers, body }, listener);
  }

  /** A small JSON document. @throws ProxyError when there is none, or not in time. */
  getJson(path: string, timeout: number): Promise<unknown> {
    return this.#document(
      { method: "GET", path: this.#path(path), headers: { ...this.#headers, accept: jsonType } },
      { timeout },
      maxListBytes,
    );
  }

  /** A POST whose answer is one JSON document. @throws ProxyError, also when the signal aborts. */
  postJson(path: string, body: unknown, options: DocumentOptions): Promise<unknown> {
    const headers = { ...this.#headers, accept: jsonType, "content-type": jsonType };
    return this.#document(
      { method: "POST", path: this.#path(path), headers, body: JSON.stringify(body) },
      options,
      maxDocumentBytes,
    );
  }

  /** Has something done, whatever is answered. @throws ProxyError when it is refused, or late. */
  async send(
    method: "GET" | "POST" | "DELETE",
    path: string,
    body: object | undefined,
    timeout: number,
  ): Promise<void> {
    const type = body === undefined ? {} : { "content-type": jsonType };
    const headers = { ...this.#headers, accept: "*/*", ...type };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const options = { method, path: this.#path(path), headers, ...sent };
    await this.#collect(options, { timeout }, maxListBytes);
  }

  /** How a model is talked to: its dialect with what the configuration and refusals say of it. */
  dialectOf(model: string, use: Use, configured: ConfiguredDialect = {}): Dialect {
    return this.#dialect.of(model, configured, this.lessons.of(model, use));
  }

  /** The dialect's name, and how it is known. */
  get dialect(): { readonly id: string; readonly because: string } {
    return this.#dialect;
  }

  /** Looks for signs of the backend's kind in its model list, then on its usual routes. */
  recognise(list: unknown): Promise<void> {
    return this.#dialect.recognise(list, (path) => this.getJson(path, probeTimeout));
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  /** @param path below the base URL; with `origin:` before it, below the server itself */
  #path(path: string): string {
    const { pathname, search } = this.#baseUrl;
    if (path.startsWith("origin:")) return path.slice("origin:".length);
    return `${pathname.replace(/\/+$/, "")}${path}${search}`;
  }

  async #document(
    options: RequestOptions,
    limits: DocumentOptions,
    maxBytes: number,
  ): Promise<unknown> {
    const text = await this.#collect(options, limits, maxBytes);
    try {
      return JSON.parse(text);
    } catch (error) {
      throw this.failures.malformed(error);
    }
  }

  async #collect(
    options: RequestOptions,
    { timeout, signal }: DocumentOptions,
    maxBytes: number,
  ): Promise<string> {
    const chunks: Buffer[] = [];
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: ProxyError) => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", leave);
        if (error === undefined) resolve();
        else reject(error);
      };
      const stop = (error: ProxyError) => {
        call.abort();
        settle(error);
      };
      const leave = () => stop(new ProxyError("client_closed", "client closed request"));
      const timer = setTimeout(() => stop(this.failures.silent(timeout / 1000)), timeout);
      let bytes = 0;
      const call = this.#dispatch(options, {
        head: () => {},
        data: (chunk) => {
          chunks.push(chunk);
          bytes += chunk.length;
          if (bytes > maxBytes) stop(this.failures.malformed());
        },
        end: settle,
        error: settle,
      });
      signal?.addEventListener("abort", leave);
      if (signal?.aborted === true) leave();
    });
    return Buffer.concat(chunks).toString("utf8");
  }

  #dispatch(options: RequestOptions, listener: ResponseListener, isRetry = false): UpstreamCall {
    const handler = new ResponseHandler(this.failures, listener, () =>
      isRetry ? undefined : this.#dispatch(options, listener, true),
    );
    this.#agent.dispatch({ ...options, origin: this.#baseUrl.origin }, handler);
    return handler;
  }
}

/** Connects, and has errors tell what had been read, which the system's own do not. */
function connector(timeout: number): buildConnector.connector {
  const connect = buildConnector({ timeout });
  return (options, callback) => {
    connect(options, (...result: Parameters<buildConnector.Callback>) => {
      const socket = result[1];
      socket?.prependListener("error", (error) => {
        Object.assign(error, { socket: { bytesRead: socket.bytesRead } });
      });
      callback(...result);
    });
  };
}

function authorization(key: string | undefined, dialect: KnownDialect): Record<string, string> {
  if (key === undefined) return {};
  const header = dialect.of("").auth;
  return header === "api-key" ? { "api-key": key } : { authorization: `Bearer ${key}` };
}
