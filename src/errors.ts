/**
 * Every expected failure, in one table. `status` is what a client sees before the commit point; a
 * response that a backend refused with a status of its own overrides it (see `ProxyError.status`).
 */
const errorTable = {
  invalid_request: { status: 400, type: "invalid_request_error" },
  unauthorized: { status: 401, type: "authentication_error" },
  model_not_found: { status: 404, type: "not_found_error" },
  not_found: { status: 404, type: "not_found_error" },
  request_timeout: { status: 408, type: "invalid_request_error" },
  body_too_large: { status: 413, type: "invalid_request_error" },
  unsupported_encoding: { status: 415, type: "invalid_request_error" },
  context_overflow: { status: 400, type: "invalid_request_error" },
  upstream_rejected: { status: 400, type: "invalid_request_error" },
  upstream_unauthorized: { status: 502, type: "api_error" },
  upstream_overloaded: { status: 503, type: "api_error" },
  upstream_failed: { status: 502, type: "api_error" },
  upstream_unreachable: { status: 502, type: "api_error" },
  upstream_timeout: { status: 504, type: "api_error" },
  upstream_malformed: { status: 502, type: "api_error" },
  upstream_truncated: { status: 502, type: "api_error" },
  write_stall: { status: 499, type: "api_error" },
  client_closed: { status: 499, type: "api_error" },
  server_busy: { status: 503, type: "api_error" },
  no_upstream: { status: 503, type: "api_error" },
  shutting_down: { status: 503, type: "api_error" },
  store_failed: { status: 500, type: "api_error" },
  internal: { status: 500, type: "api_error" },
} as const;

export type ErrorCode = keyof typeof errorTable;

/** What a backend said when it refused, taken apart. */
export interface Refusal {
  /** Of the response, or named in its body. */
  readonly status: number | undefined;
  /** One printable line. */
  readonly message: string;
  /** The field that the backend complains of, where it names one. */
  readonly param?: string;
  readonly code?: string;
  /** The same from a list of complaints, one a field. */
  readonly locations: readonly string[];
}

export interface ProxyErrorOptions {
  /** HTTP status, where the table's is not the true one (a backend's own 4xx or 5xx). */
  readonly status?: number;
  /** Seconds a client should wait, passed on as `Retry-After`. */
  readonly retryAfter?: number;
  /** The short cause told on a stream that had begun, where it differs from the message. */
  readonly reason?: string;
  readonly refusal?: Refusal;
  /** The backend may have done the work, and billed it, all the same. */
  readonly ambiguous?: boolean;
  readonly cause?: unknown;
}

/** The one error class of the house. `message` is one line and safe to show to a client. */
export class ProxyError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly retryAfter: number | undefined;
  readonly reason: string;
  /** Of a backend; what it names can be left out of another try. */
  readonly refusal: Refusal | undefined;
  readonly ambiguous: boolean;

  constructor(code: ErrorCode, message: string, options: ProxyErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "ProxyError";
    this.code = code;
    this.status = options.status ?? errorTable[code].status;
    this.retryAfter = options.retryAfter;
    this.reason = options.reason ?? message;
    this.refusal = options.refusal;
    this.ambiguous = options.ambiguous ?? false;
  }

  /** OpenAI's `error.type` for this failure, as Ollama's own `/v1` routes name it. */
  get type(): string {
    if (this.status === 404) return "not_found_error";
    if (this.status >= 400 && this.status < 500) return errorTable[this.code].type;
    return "api_error";
  }
}

/** Anything thrown, as a ProxyError: an unexpected one tells the client nothing about our insides. */
export function toProxyError(error: unknown): ProxyError {
  if (error instanceof ProxyError) return error;
  return new ProxyError("internal", "internal error", { cause: error });
}

export function invalidRequest(message: string): ProxyError {
  return new ProxyError("invalid_request", message);
}

/** What a prompt is that its model can't hold. Ollama's text. */
export function contextOverflow(): ProxyError {
  const message =
    "the prompt is longer than the context length currently available to the model; shorten the prompt, adjust the context length in settings, or use a model with a longer context length";
  const refusal = { status: undefined, message, locations: [] };
  return new ProxyError("context_overflow", message, { refusal });
}

/** This proxy's own refusal, not a backend's: no more may wait. Ollama's text. */
export function serverBusy(): ProxyError {
  const message = "server busy, please try again.  maximum pending requests exceeded";
  return new ProxyError("server_busy", message, { retryAfter: 1 });
}

/** Every backend of the model is left alone for now. */
export function noHealthyUpstream(model: string, retryAfter: number): ProxyError {
  return new ProxyError("no_upstream", `no healthy upstream for model '${model}'`, { retryAfter });
}

/** Ollama's text for a model nobody serves; `ollama run` pulls when it sees this 404. */
export function modelNotFound(name: string): ProxyError {
  return new ProxyError("model_not_found", `model '${name}' not found`);
}

/**
 * The same failure once the answer had begun: Ollama's wording for a run that broke (its `llm`
 * package). An answer that was to come in one piece gets it as a 502.
 */
export function whileRunning(error: ProxyError): ProxyError {
  const message = `an error was encountered while running the model: ${error.reason}`;
  return new ProxyError(error.code, message, { status: 502, cause: error });
}
