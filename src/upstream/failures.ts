import { ProxyError, type ProxyErrorOptions, type Refusal } from "../errors.ts";
import { parseErrorBody } from "../openai/error-body.ts";
import { kindOfRefusal } from "../openai/refusals.ts";

const invalid = "returned an invalid response";
const late = "did not respond in time";
const unreadable = { reason: "invalid response from upstream" };

/** Failures of one backend, in words that name it but tell neither address nor key. */
export class Failures {
  readonly #id: string;
  readonly #secrets: readonly string[];
  readonly #usesClientKey: boolean;

  /**
   * @param secrets texts that must never reach a client, such as the key
   * @param usesClientKey whether the key that a backend may reject is the caller's own
   */
  constructor(id: string, secrets: readonly string[], usesClientKey = false) {
    this.#id = id;
    this.#usesClientKey = usesClientKey;
    this.#secrets = secrets.filter((secret) => secret.length >= 4);
  }

  /** There was no connection. */
  unreachable(cause?: unknown): ProxyError {
    return this.#failure("upstream_unreachable", "is unreachable", { cause });
  }

  /** The connection was reset before there was an answer. */
  reset(cause?: unknown): ProxyError {
    const reason = "unexpected EOF";
    return this.#failure("upstream_unreachable", "is unreachable", {
      reason,
      cause,
      ambiguous: true,
    });
  }

  /** The answer was cut: on a running stream, Ollama's word for it. */
  cut(cause?: unknown): ProxyError {
    const reason = "unexpected EOF";
    return this.#failure("upstream_malformed", invalid, { reason, cause, ambiguous: true });
  }

  /** An answer that can't be read. */
  malformed(cause?: unknown): ProxyError {
    return this.#failure("upstream_malformed", invalid, { ...unreadable, cause, ambiguous: true });
  }

  /** An answer of which a part had come: the work is done. */
  broken(cause?: unknown): ProxyError {
    return this.#failure("upstream_truncated", invalid, { ...unreadable, cause });
  }

  /** What answers is no model's server: a redirect, a web page, or not even HTTP. */
  foreign(cause?: unknown): ProxyError {
    return this.#failure("upstream_malformed", invalid, { ...unreadable, cause });
  }

  silent(seconds: number): ProxyError {
    const reason = `no data for ${seconds}s`;
    return this.#failure("upstream_timeout", late, { reason, ambiguous: true });
  }

  /** A response with a status that is no success. */
  refused(status: number, statusText: string, body: string, retryAfter?: string): ProxyError {
    if (status < 400) return this.foreign();
    const said = parseErrorBody(body);
    const told = this.redact(said.message);
    const message =
      told === "" ? `upstream "${this.#id}" returned ${status} ${statusText}`.trim() : told;
    return this.refusal(status, { ...said, status, message }, retryAfter);
  }

  /**
   * A refusal, by the status of the response or by one in its body: in our words where the fault is
   * the proxy's, else in the backend's own.
   */
  refusal(status: number, refusal: Refusal, retryAfter?: string): ProxyError {
    if (isAboutKey(status, refusal)) {
      return this.#usesClientKey
        ? this.#failure("unauthorized", "rejected the client's key")
        : this.#failure("upstream_unauthorized", "rejected the proxy's credentials");
    }
    if (status === 408) return this.#failure("upstream_timeout", late);
    const overloaded = status === 429 || status === 503 || status === 529;
    const seconds = overloaded ? retryAfterSeconds(status, retryAfter) : undefined;
    return new ProxyError(
      overloaded ? "upstream_overloaded" : status < 500 ? "upstream_rejected" : "upstream_failed",
      refusal.message,
      {
        refusal,
        status: status === 529 ? 503 : status,
        ambiguous: status >= 500 && status !== 502 && !overloaded,
        ...(seconds === undefined ? {} : { retryAfter: seconds }),
      },
    );
  }

  /** The same error with every secret blotted out. */
  clean(error: ProxyError): ProxyError {
    const message = this.redact(error.message);
    const reason = this.redact(error.reason);
    if (message === error.message && reason === error.reason) return error;
    return copy(error, { message, reason });
  }

  /** The same of an answer that had been accepted: the work may be done. */
  unclear(error: ProxyError): ProxyError {
    return error.ambiguous ? error : copy(error, { ambiguous: true });
  }

  redact(text: string): string {
    let clean = text;
    for (const secret of this.#secrets) clean = clean.replaceAll(secret, "[redacted]");
    return clean
      .replace(/\bsk-[A-Za-z0-9_*-]{4,}/g, "[redacted]")
      .replace(/\bBearer\s+\S+/gi, "Bearer [redacted]")
      .replace(/(https?:\/\/)[^\s/@]+@/gi, "$1");
  }

  #failure(
    code: ConstructorParameters<typeof ProxyError>[0],
    what: string,
    options: ProxyErrorOptions = {},
  ): ProxyError {
    return new ProxyError(code, `upstream "${this.#id}" ${what}`, options);
  }
}

/** By some, what is asked for is forbidden with the same status as the key that asks. */
function isAboutKey(status: number, refusal: Refusal): boolean {
  const kind = kindOfRefusal(refusal);
  if (status === 400) return kind === "key";
  if (status === 402 || status === 403) return kind !== "filter";
  return status === 401 || status === 407;
}

function copy(
  error: ProxyError,
  changes: { readonly message?: string; readonly reason?: string; readonly ambiguous?: boolean },
): ProxyError {
  const { code, message, status, reason, ambiguous, refusal, retryAfter, cause } = error;
  const { message: words = message, ...others } = changes;
  return new ProxyError(code, words, {
    status,
    reason,
    ambiguous,
    ...others,
    ...(refusal === undefined ? {} : { refusal }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
    cause,
  });
}

const minSeconds = 1;
const maxSeconds = 300;

/** Seconds or an HTTP date, kept within 1 to 300; a 429 without one asks for 5. */
function retryAfterSeconds(status: number, header: string | undefined): number | undefined {
  if (header === undefined) return status === 429 ? 5 : undefined;
  const seconds = /^-?\d+(\.\d+)?$/.test(header) ? Number(header) : secondsUntil(header);
  return Math.min(maxSeconds, Math.max(minSeconds, Math.ceil(seconds)));
}

function secondsUntil(httpDate: string): number {
  const milliseconds = Date.parse(httpDate) - Date.now();
  return Number.isNaN(milliseconds) ? 5 : milliseconds / 1000;
}
