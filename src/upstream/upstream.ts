import type { Dispatcher } from "undici";
import { ModelSelection } from "../config/model-selection.ts";
import type { Config, Limits, Timeouts, UpstreamConfig } from "../config/schema.ts";
import type { Dialect } from "../dialects/dialect.ts";
import { ProxyError, toProxyError } from "../errors.ts";
import { Circuit } from "./circuit.ts";
import { createDispatcher } from "./connection.ts";
import { Failures } from "./failures.ts";
import { KeyRing, type ApiKey, type Rest } from "./key-ring.ts";
import { KnownDialect, type ConfiguredDialect } from "./known-dialect.ts";
import { Lessons, type Use } from "./lessons.ts";
import { Pulse } from "./pulse.ts";
import {
  ResponseHandler,
  type AnswerWatch,
  type ResponseListener,
  type UpstreamCall,
} from "./response-handler.ts";
import { Slots } from "./slots.ts";
import type { UpstreamEvents } from "./upstream-events.ts";

const maxListBytes = 8 * 1024 * 1024;
const maxDocumentBytes = 256 * 1024 * 1024;

const probeTimeout = 1_500;
const jsonType = "application/json";

/** Where the settings that all backends share come from. */
export type UpstreamSettings = Pick<Config, "timeouts" | "limits" | "circuit">;

/** A question to a backend, as it is sent. */
export interface UpstreamRequest {
  /** Below the base URL, or after `origin:` below the server itself. */
  readonly path: string;
  readonly body: string | Buffer;
  readonly accept: string;
  /** Any of the backend's own when absent. */
  readonly key?: Pick<ApiKey, "secret"> | undefined;
}

type RequestOptions = Pick<Dispatcher.DispatchOptions, "method" | "path" | "headers" | "body">;

interface DocumentOptions {
  /** Milliseconds for all of it. */
  readonly timeout: number;
  readonly signal?: AbortSignal;
  readonly key?: UpstreamRequest["key"];
}

interface CollectOptions extends DocumentOptions {
  readonly watch?: AnswerWatch;
  readonly onStatus?: (status: number) => void;
}

/** One backend: its address, its keys, its connections, and how it is doing. */
export class Upstream {
  readonly id: string;
  readonly kind: UpstreamConfig["kind"];
  readonly failures: Failures;
  /** Whether the caller's own key is passed on. */
  readonly usesClientKey: boolean;
  /** What its refusals taught. */
  readonly lessons = new Lessons();
  readonly timeouts: Timeouts;
  readonly limits: Limits;
  readonly circuit: Circuit;
  readonly keys: KeyRing;
  readonly slots: Slots;
  readonly #events: UpstreamEvents | undefined;
  readonly #baseUrl: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #dispatcher: Dispatcher;
  readonly #dialect: KnownDialect;
  readonly #pulse = new Pulse();
  #config: UpstreamConfig;
  #selection: ModelSelection;
  #rest: Rest | undefined;

  constructor(config: UpstreamConfig, settings: UpstreamSettings, events?: UpstreamEvents) {
    this.id = config.id;
    this.kind = config.kind;
    this.#config = config;
    this.#selection = new ModelSelection(config);
    this.#baseUrl = new URL(config.base_url);
    const known = config.kind === "ollama" ? { ...config, dialect: config.kind } : config;
    this.#dialect = new KnownDialect(known, this.#baseUrl);
    const secrets = config.api_key ?? [];
    this.usesClientKey = config.auth === "client";
    const told = [...secrets, ...Object.values(config.headers ?? {})];
    this.failures = new Failures(config.id, told, this.usesClientKey);
    this.timeouts = laidOver(settings.timeouts, config.timeouts);
    this.limits = laidOver(settings.limits, config.limits);
    this.slots = new Slots(this.limits);
    this.keys = new KeyRing(secrets);
    this.circuit = new Circuit(settings.circuit, {
      onChange: (state) => events?.circuit(config.id, state),
    });
    this.#events = events;
    this.#headers = {
      "user-agent": "ollama-openai-proxy",
      "accept-encoding": "identity",
      ...config.headers,
    };
    this.#dispatcher = createDispatcher(config, this.timeouts.connect);
  }

  get config(): UpstreamConfig {
    return this.#config;
  }

  /** Which of its models are served, and under which names. */
  get selection(): ModelSelection {
    return this.#selection;
  }

  /** Goes on with a configuration that says the same of its connections: see `Generation`. */
  adopt(config: UpstreamConfig): void {
    this.#config = config;
    this.#selection = new ModelSelection(config);
  }

  /** For how long it is left alone, and what it had said. */
  get resting(): Rest | undefined {
    const rest = this.#rest;
    return rest !== undefined && rest.until > performance.now() ? rest : this.keys.resting;
  }

  /** It asked for a pause. One that ends sooner than the pause under way changes nothing. */
  rest(milliseconds: number, error: ProxyError): void {
    const until = performance.now() + milliseconds;
    if (until > (this.#rest?.until ?? 0)) this.#rest = { until, error };
    this.#events?.rested(this.id, 0, milliseconds / 1000, error, false);
  }

  /** One key is not to be used for a while. @param alarm somebody has to do something about it */
  restKey(key: ApiKey, milliseconds: number, error: ProxyError, alarm: boolean): void {
    this.keys.rest(key, milliseconds, error);
    if (alarm) this.keys.raiseAlarm(key, milliseconds, error);
    this.#events?.rested(this.id, key.place, milliseconds / 1000, error, alarm);
  }

  /** Starts a POST. Redirects are not followed: one could carry the key to another host. */
  post({ path, body, accept, key }: UpstreamRequest, listener: ResponseListener): UpstreamCall {
    const headers = { ...this.#headersWith(key), accept, "content-type": "application/json" };
    const options = { method: "POST", path: this.#path(path), headers, body } as const;
    return this.#dispatch(options, listener, this.#watchOf(key));
  }

  /** A small JSON document. @throws ProxyError when there is none, or not in time. */
  getJson(path: string, timeout: number): Promise<unknown> {
    return this.#document(this.#get(path), { timeout }, maxListBytes);
  }

  /** A POST whose answer is one JSON document. @throws ProxyError, also when the signal aborts. */
  postJson(path: string, body: unknown, options: DocumentOptions): Promise<unknown> {
    return this.#document(
      this.#posting(path, JSON.stringify(body), options),
      this.#watched(options),
      maxDocumentBytes,
    );
  }

  /** The same as it was printed, whatever it is. */
  postText(path: string, body: string | Buffer, options: DocumentOptions): Promise<string> {
    const posting = this.#posting(path, body, options);
    return this.#collect(posting, this.#watched(options), maxDocumentBytes);
  }

  /** Has something done, whatever is answered. @throws ProxyError when it is refused, or late. */
  async send(
    method: "GET" | "POST" | "DELETE",
    path: string,
    body: object | undefined,
    timeout: number,
  ): Promise<void> {
    const type = body === undefined ? {} : { "content-type": jsonType };
    const headers = { ...this.#headersWith(), accept: "*/*", ...type };
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

  /**
   * Whether it is there, asked without spending a token. Not asked while it answers, or has since the
   * last look: some can't do two things at a time, and nothing could show better that it is well.
   * @throws ProxyError when it is not
   */
  async look(timeout: number): Promise<void> {
    if (this.#pulse.take()) return;
    let status: number | undefined;
    const onStatus = (said: number) => {
      status = said;
    };
    try {
      const path = this.kind === "ollama" ? "/api/version" : "/models";
      await this.#collect(this.#get(path), { timeout, onStatus }, maxListBytes);
    } catch (thrown) {
      const error = toProxyError(thrown);
      if (!this.#pulse.take() && this.#isIll(error, status)) throw error;
    }
  }

  /** Whatever it answers, it is there. One whose models are configured may have no list at all. */
  #isIll({ code, ambiguous }: ProxyError, status: number | undefined): boolean {
    if (code === "server_busy") return false;
    if (this.kind !== "ollama" && this.#config.models !== undefined) {
      return code === "upstream_unreachable" && !ambiguous;
    }
    return status === undefined || (status >= 500 && status !== 501);
  }

  /** Closes its connections, those in use too. */
  async close(): Promise<void> {
    await this.#dispatcher.destroy();
  }

  /** Closes its connections once what runs on them has ended. */
  async retire(): Promise<void> {
    await this.#dispatcher.close();
  }

  #get(path: string): RequestOptions {
    const headers = { ...this.#headersWith(), accept: jsonType };
    return { method: "GET", path: this.#path(path), headers };
  }

  #posting(path: string, body: string | Buffer, { key }: DocumentOptions): RequestOptions {
    const headers = { ...this.#headersWith(key), accept: jsonType, "content-type": jsonType };
    return { method: "POST", path: this.#path(path), headers, body };
  }

  #watched(options: DocumentOptions): CollectOptions {
    return { ...options, watch: this.#watchOf(options.key) };
  }

  /** Of an answer to a request of a client's. */
  #watchOf(key: UpstreamRequest["key"]): AnswerWatch {
    return {
      begins: () => {
        this.#pulse.begins();
        this.keys.accepted(key?.secret);
      },
      ends: () => this.#pulse.ends(),
    };
  }

  #headersWith(key?: UpstreamRequest["key"]): Record<string, string> {
    const { secret } = key ?? this.keys.take() ?? { secret: this.config.api_key?.[0] };
    const { auth } = this.config;
    const style = auth === undefined || auth === "client" ? this.#dialect.of("").auth : auth;
    if (secret === undefined || style === "none") return this.#headers;
    const header =
      style === "api-key" ? { "api-key": secret } : { authorization: `Bearer ${secret}` };
    return { ...header, ...this.#headers };
  }

  /** @param path below the base URL; with `origin:` before it, below the server itself */
  #path(path: string): string {
    const { pathname, search } = this.#baseUrl;
    if (path.startsWith("origin:")) return path.slice("origin:".length);
    return `${pathname.replace(/\/+$/, "")}${path}${search}`;
  }

  async #document(
    options: RequestOptions,
    limits: CollectOptions,
    maxBytes: number,
  ): Promise<unknown> {
    const text = await this.#collect(options, limits, maxBytes);
    try {
      return JSON.parse(text);
    } catch (error) {
      throw text === "" ? this.failures.malformed(error) : this.failures.broken(error);
    }
  }

  async #collect(
    options: RequestOptions,
    { timeout, signal, watch, onStatus }: CollectOptions,
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
      const listener: ResponseListener = {
        ...(onStatus === undefined ? {} : { status: onStatus }),
        head: () => {},
        data: (chunk) => {
          chunks.push(chunk);
          bytes += chunk.length;
          if (bytes > maxBytes) stop(this.failures.malformed());
        },
        end: settle,
        error: (error) =>
          settle(bytes > 0 && error.refusal === undefined ? this.failures.broken(error) : error),
      };
      const call = this.#dispatch(options, listener, watch);
      signal?.addEventListener("abort", leave);
      if (signal?.aborted === true) leave();
    });
    return Buffer.concat(chunks).toString("utf8");
  }

  #dispatch(
    options: RequestOptions,
    listener: ResponseListener,
    watch?: AnswerWatch,
    isRetry = false,
  ): UpstreamCall {
    const handler = new ResponseHandler(this.failures, listener, watch, () =>
      isRetry ? undefined : this.#dispatch(options, listener, watch, true),
    );
    this.#dispatcher.dispatch({ ...options, origin: this.#baseUrl.origin }, handler);
    return handler;
  }
}

function laidOver<Values extends object>(base: Values, own: object = {}): Values {
  const given = Object.entries(own).filter(([, value]) => value !== undefined);
  return { ...base, ...Object.fromEntries(given) };
}
