interface ApiErrorDetails {
  readonly code?: string;
  readonly param?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Something the client did wrong, said in OpenAI's shape. */
export class ApiError extends Error {
  readonly status: number;
  readonly details: ApiErrorDetails;

  constructor(status: number, message: string, details: ApiErrorDetails = {}) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.details = details;
  }
}

export function toErrorBody(message: string, status: number, details: ApiErrorDetails = {}) {
  const type = status < 500 ? "invalid_request_error" : "server_error";
  return { error: { message, type, param: details.param ?? null, code: details.code ?? null } };
}
