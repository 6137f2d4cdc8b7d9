import type { Dispatcher } from "undici";
import { serverBusy, type ProxyError } from "../errors.ts";
import { isOfStaleConnection } from "./connection.ts";
import type { Failures } from "./failures.ts";

const maxErrorBytes = 64 * 1024;
/** Responses of status 1xx before the true one. */
const maxAnnouncements = 20;
/** Milliseconds for the body of a refusal, which tells only why. */
const maxErrorTime = 500;

/** What one request hears of its response: `head`, then `data` any number of times, then one ending. */
export interface ResponseListener {
  /** Of the response, whatever becomes of it; before anything else. */
  status?(status: number): void;
  /** A success status. A refusal comes as `error`, with the backend's message. */
  head(contentType: string): void;
  data(bytes: Buffer): void;
  end(): void;
  error(error: ProxyError): void;
}

/** What is seen of a good answer, however it is told. */
export interface AnswerWatch {
  begins(): void;
  /** Whole or not. */
  ends(): void;
}

/** A request that is under way. */
export interface UpstreamCall {
  pause(): void;
  resume(): void;
  /** Closes the connection; the listener hears nothing more. */
  abort(): void;
}

/** Undici's callbacks to ours, with the failures mapped. */
export class ResponseHandler implements Dispatcher.DispatchHandler, UpstreamCall {
  readonly #failures: Failures;
  readonly #listener: ResponseListener;
  readonly #watch: AnswerWatch | undefined;
  readonly #retry: () => UpstreamCall | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #replacement: UpstreamCall | undefined;
  #aborted = false;
  #refusal: { status: number; statusText: string; retryAfter: string | undefined } | undefined;
  #refusalBody: Buffer[] = [];
  #refusalBytes = 0;
  #refusalTimer: NodeJS.Timeout | undefined;
  #headSeen = false;
  #isAnswering = false;
  #announcements = 0;

  constructor(
    failures: Failures,
    listener: ResponseListener,
    watch: AnswerWatch | undefined,
    retry: () => UpstreamCall | undefined,
  ) {
    this.#failures = failures;
    this.#listener = listener;
    this.#watch = watch;
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
    this.#stopWatching();
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
    if (this.#aborted) return;
    if (status < 200) {
      this.#announcements += 1;
      if (this.#announcements > maxAnnouncements) this.#fail(this.#failures.foreign());
      return;
    }
    this.#headSeen = true;
    this.#listener.status?.(status);
    if (status < 300) {
      const encoding = headerText(headers["content-encoding"]) || "identity";
      const contentType = headerText(headers["content-type"]).toLowerCase();
      if (contentType.startsWith("text/html")) this.#fail(this.#failures.foreign());
      else if (encoding !== "identity") this.#fail(this.#failures.malformed());
      else this.#answer(contentType);
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
    this.#stopWatching();
    if (this.#refusal === undefined) this.#listener.end();
    else this.#refuse();
  }

  onResponseError(_: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.#aborted) return;
    if (this.#refusal !== undefined) {
      this.#refuse();
      return;
    }
    this.#stopWatching();
    // A kept connection that the backend closed while we reused it: nothing has happened there.
    if (isBroken(error) && isOfStaleConnection(error, this.#controller !== undefined)) {
      this.#replacement = this.#retry();
      if (this.#replacement !== undefined) return;
    }
    this.#listener.error(this.#mapped(error));
  }

  #answer(contentType: string): void {
    this.#isAnswering = true;
    this.#watch?.begins();
    this.#listener.head(contentType);
  }

  #stopWatching(): void {
    if (this.#isAnswering) this.#watch?.ends();
    this.#isAnswering = false;
  }

  #mapped(error: Error): ProxyError {
    if (this.#headSeen) return this.#failures.cut(error);
    const { code = "", name } = error as { code?: string; name: string };
    if (outOfSockets.has(code)) return serverBusy();
    if (this.#controller === undefined) return this.#failures.unreachable(error);
    if (name === "HTTPParserError" || code === "UND_ERR_HEADERS_OVERFLOW") {
      return this.#failures.foreign(error);
    }
    return code.startsWith("UND_ERR_") ? this.#failures.cut(error) : this.#failures.reset(error);
  }

  #refuse(): void {
    if (this.#refusal === undefined) return;
    const { status, statusText, retryAfter } = this.#refusal;
    const body = Buffer.concat(this.#refusalBody).toString("utf8");
    this.#fail(this.#refused(status, statusText, body, retryAfter));
  }

  /** Comes from a timer too, where nobody would catch what a strange body might throw. */
  #refused(...refusal: Parameters<Failures["refused"]>): ProxyError {
    try {
      return this.#failures.refused(...refusal);
    } catch (error) {
      return this.#failures.malformed(error);
    }
  }

  #fail(error: ProxyError): void {
    this.abort();
    this.#listener.error(error);
  }
}

function headerText(value: string | string[] | undefined): string {
  return (Array.isArray(value) ? value[0] : value) ?? "";
}

/** This process has no more of them; that says nothing of the backend. */
const outOfSockets = new Set(["EMFILE", "ENFILE"]);
const brokenConnection = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"]);

function isBroken(error: Error): boolean {
  return brokenConnection.has((error as { code?: string }).code ?? "");
}
