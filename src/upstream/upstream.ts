import { Agent, buildConnector, type Dispatcher } from "undici";
import type { Timeouts, UpstreamConfig } from "../config/schema.ts";
import type { Dialect } from "../dialects/dialect.ts";
import { dialectFor, dialects } from "../dialects/dialects.ts";
import type { ProxyError } from "../errors.ts";
import { Failures } from "./failures.ts";

const maxErrorBytes = 64 * 1024;
/** Milliseconds for the body of a refusal, which tells only why. */
const maxErrorTime = 500;
const maxListBytes = 8 * 1024 * 1024;

/** What one request hears of its response: `head`, then `data` any number of times, then one ending. */
export interface ResponseListener {
  /** A success status. A refusal comes as `error`, with the backend's message. */
  head(contentType: string): void;
  data(bytes: Buffer): void;
  end(): void;
  error(error: ProxyError): void;
}

/** A request that is under way. */
export interface UpstreamCall {
  pause(): void;
  resume(): void;
  /** Closes the connection; the listener hears nothing more. */
  abort(): void;
}

/** One backend: its address, its key, its connections. */
export class Upstream {
  readonly id: string;
  readonly dialect: Dialect;
  readonly failures: Failures;
  /** Model names from the configuration, for a backend that can't list its own. */
  readonly configuredModels: readonly string[] | undefined;
  readonly #baseUrl: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #agent: Agent;

  constructor(config: UpstreamConfig, timeouts: Pick<Timeouts, "connect">) {
    this.id = config.id;
    this.#baseUrl = new URL(config.base_url);
    this.dialect =
      config.dialect === undefined ? dialectFor(this.#baseUrl) : dialects[config.dialect];
    this.configuredModels = config.models;
    this.failures = new Failures(config.id, [
      config.api_key ?? "",
      ...Object.values(config.headers ?? {}),
    ]);
    this.#headers = {
      "user-agent": "ollama-openai-proxy",
      "accept-encoding": "identity",
      ...(config.api_key === undefined ? {} : { authorization: `Bearer ${config.api_key}` }),
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
  async getJson(path: string, timeout: number): Promise<unknown> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let timer: NodeJS.Timeout | undefined;
    const received = new Promise<void>((resolve, reject) => {
      const call = this.#dispatch(
        {
          method: "GET",
          path: this.#path(path),
          headers: { ...this.#headers, accept: "application/json" },
        },
        {
          head: () => {},
          data: (chunk) => {
            chunks.push(chunk);
            bytes += chunk.length;
            if (bytes > maxListBytes) fail(this.failures.malformed());
          },
          end: resolve,
          error: reject,
        },
      );
      const fail = (error: ProxyError) => {
        call.abort();
        reject(error);
      };
      timer = setTimeout(() => {
        fail(this.failures.silent(timeout / 1000));
      }, timeout);
    });
    await received.finally(() => {
      clearTimeout(timer);
    });
    try {
      return JSON.parse(Buffer.concat(chunks).toString("utf8"));
    } catch (error) {
      throw this.failures.malformed(error);
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  #path(path: string): string {
    const { pathname, search } = this.#baseUrl;
    return `${pathname.replace(/\/+$/, "")}${path}${search}`;
  }

  #dispatch(
    options: Pick<Dispatcher.DispatchOptions, "method" | "path" | "headers" | "body">,
    listener: ResponseListener,
    isRetry = false,
  ): UpstreamCall {
    const handler = new ResponseHandler(this.failures, listener, () =>
      isRetry ? undefined : this.#dispatch(options, listener, true),
    );
    this.#agent.dispatch({ ...options, origin: this.#baseUrl.origin }, handler);
    return handler;
  }
}

/** Undici's callbacks to ours, with the failures mapped. */
class ResponseHandler implements Dispatcher.DispatchHandler, UpstreamCall {
  readonly #failures: Failures;
  readonly #listener: ResponseListener;
  readonly #retry: () => UpstreamCall | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #replacement: UpstreamCall | undefined;
  #aborted = false;
  #refusal: { status: number; statusText: string; retryAfter: string | undefined } | undefined;
  #refusalBody: Buffer[] = [];
  #refusalBytes = 0;
  #refusalTimer: NodeJS.Timeout | undefined;
  #headSeen = false;

  constructor(
    failures: Failures,
    listener: ResponseListener,
    retry: () => UpstreamCall | undefined,
  ) {
    this.#failures = failures;
    this.#listener = listener;
    this.#retry = retry;
  }

  pause(): void {
    (this.#replacement ?? this.#controller)?.pause();
  }

  resume(): void {
    (this.#replacement ?? this.#controller)?.resume();
  }

  abort(): void {
    this.#aborted = true;
    clearTimeout(this.#refusalTimer);
    this.#replacement?.abort();
    this.#controller?.abort(new Error("aborted"));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // The client left while this request waited for its connection.
    if (this.#aborted) controller.abort(new Error("aborted"));
  }

  onResponseStart(
    _: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
    statusText = "",
  ): void {
    if (status < 200 || this.#aborted) return;
    this.#headSeen = true;
    if (status < 300) {
      const encoding = headerText(headers["content-encoding"]) || "identity";
      const contentType = headerText(headers["content-type"]).toLowerCase();
      if (encoding !== "identity" || contentType.startsWith("text/html"))
        this.#fail(this.#failures.malformed());
      else this.#listener.head(contentType);
      return;
    }
    const retryAfter = headerText(headers["retry-after"]) || undefined;
    this.#refusal = { status, statusText, retryAfter };
    this.#refusalTimer = setTimeout(() => this.#refuse(), maxErrorTime);
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#aborted) return;
    if (this.#refusal === undefined) {
      this.#listener.data(chunk);
      return;
    }
    this.#refusalBody.push(chunk);
    this.#refusalBytes += chunk.length;
    if (this.#refusalBytes > maxErrorBytes) this.#refuse();
  }

  onResponseEnd(): void {
    if (this.#aborted) return;
    if (this.#refusal === undefined) this.#listener.end();
    else this.#refuse();
  }

  onResponseError(_: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.#aborted) return;
    if (this.#refusal !== undefined) {
      this.#refuse();
      return;
    }
    // A kept connection that the backend closed while we reused it: nothing has happened there.
    if (!this.#headSeen && wasReused(error)) {
      this.#replacement = this.#retry();
      if (this.#replacement !== undefined) return;
    }
    this.#listener.error(this.#mapped(error));
  }

  #mapped(error: Error): ProxyError {
    if (this.#headSeen) return this.#failures.cut(error);
    const { code, name } = error as { code?: string; name: string };
    const connected =
      name === "HTTPParserError" ||
      (code?.startsWith("UND_ERR_") === true && code !== "UND_ERR_CONNECT_TIMEOUT");
    return connected ? this.#failures.cut(error) : this.#failures.unreachable(error);
  }

  #refuse(): void {
    if (this.#refusal === undefined) return;
    const { status, statusText, retryAfter } = this.#refusal;
    const body = Buffer.concat(this.#refusalBody).toString("utf8");
    this.#fail(this.#failures.refused(status, statusText, body, retryAfter));
  }

  #fail(error: ProxyError): void {
    this.abort();
    this.#listener.error(error);
  }
}

function headerText(value: string | string[] | undefined): string {
  return (Array.isArray(value) ? value[0] : value) ?? "";
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

const brokenConnection = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"]);

function wasReused(error: Error): boolean {
  const { code, socket } = error as { code?: string; socket?: { bytesRead?: number } };
  return brokenConnection.has(code ?? "") && (socket?.bytesRead ?? 0) > 0;
}
