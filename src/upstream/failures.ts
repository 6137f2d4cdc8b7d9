import { ProxyError, type Refusal } from "../errors.ts";
import { parseErrorBody } from "../openai/error-body.ts";
import { kindOfRefusal } from "../openai/refusals.ts";

/** Failures of one backend, in words that name it but tell neither address nor key. */
export class Failures {
  readonly #id: string;
  readonly #secrets: readonly string[];

  /** @param secrets texts that must never reach a client, such as the key */
  constructor(id: string, secrets: readonly string[]) {
    this.#id = id;
    this.#secrets = secrets.filter((secret) => secret.length >= 4);
  }

  unreachable(cause?: unknown): ProxyError {
    return this.#failure("upstream_unreachable", "is unreachable", "unexpected EOF", cause);
  }

  /** Also a connection that was cut: on a running stream, Ollama's word for it. */
  cut(cause?: unknown): ProxyError {
    return this.#failure(
      "upstream_malformed",
      "returned an invalid response",
      "unexpected EOF",
      cause,
    );
  }

  malformed(cause?: unknown): ProxyError {
    return this.#failure(
      "upstream_malformed",
      "returned an invalid response",
      "invalid response from upstream",
      cause,
    );
  }

  silent(seconds: number): ProxyError {
    return this.#failure("upstream_timeout", "did not respond in time", `no data for ${seconds}s`);
  }

  /** A response with a status that is no success. */
  refused(status: number, statusText: string, body: string, retryAfter?: string): ProxyError {
    if (status < 400) return this.malformed();
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
    const isKey = status === 400 && kindOfRefusal(refusal) === "key";
    if (isKey || [401, 402, 403, 407].includes(status)) {
      return this.#failure("upstream_unauthorized", "rejected the proxy's credentials");
    }
    if (status === 408) return this.#failure("upstream_timeout", "did not respond in time");
    const overloaded = status === 429 || status === 503 || status === 529;
    const seconds = overloaded ? retryAfterSeconds(status, retryAfter) : undefined;
    return new ProxyError(
      overloaded ? "upstream_overloaded" : status < 500 ? "upstream_rejected" : "upstream_failed",
      refusal.message,
      {
        refusal,
        status: status === 529 ? 503 : status,
        ...(seconds === undefined ? {} : { retryAfter: seconds }),
      },
    );
  }

  /** The same error with every secret blotted out. */
  clean(error: ProxyError): ProxyError {
    const message = this.redact(error.message);
    const reason = this.redact(error.reason);
    if (message === error.message && reason === error.reason) return error;
    return new ProxyError(error.code, message, {
      status: error.status,
      reason,
      ...(error.refusal === undefined ? {} : { refusal: error.refusal }),
      ...(error.retryAfter === undefined ? {} : { retryAfter: error.retryAfter }),
      cause: error.cause,
    });
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
    reason?: string,
    cause?: unknown,
  ): ProxyError {
    return new ProxyError(code, `upstream "${this.#id}" ${what}`, {
      ...(reason === undefined ? {} : { reason }),
      cause,
    });
  }
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
