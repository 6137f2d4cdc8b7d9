import { Refused, type Refused as Refusal } from "./backend.ts";

/** Bodies of errors. */
export const errors = {
  openai: ({ message, details }: Refusal) => ({
    error: {
      message,
      type: details.type ?? "invalid_request_error",
      param: details.param ?? null,
      code: details.code ?? null,
    },
  }),
  plainOpenai: ({ message }: Refusal) => ({ error: { message, type: "invalid_request_error" } }),
  vllm: ({ message, status, details }: Refusal) => ({
    error: { message, type: "BadRequestError", param: details.param ?? null, code: status },
  }),
  sglang: ({ message, status, details }: Refusal) => ({
    object: "error",
    message,
    type: "BadRequestError",
    param: details.param ?? null,
    code: status,
  }),
  numbered: ({ message, status, details }: Refusal) => ({
    error: { code: status, message, type: details.type ?? "invalid_request_error" },
  }),
  text: ({ message }: Refusal) => ({ error: message }),
  tgi: ({ message }: Refusal) => ({
    error: `Input validation error: ${message}`,
    error_type: "validation",
  }),
  nim: ({ message, status }: Refusal) => ({
    type: "urn:inference-service:problem-details:bad-request",
    title: "Bad Request",
    status,
    detail: message,
  }),
  /** FastAPI's. */
  detail: ({ message, details }: Refusal) => ({
    detail: [{ type: "value_error", loc: ["body", details.param ?? "messages"], msg: message }],
  }),
  mistral: ({ message, status, details }: Refusal) =>
    status === 422
      ? {
          detail: [
            { type: "value_error", loc: ["body", details.param ?? "messages"], msg: message },
          ],
        }
      : {
          object: "error",
          message,
          type: details.type ?? "invalid_request_error",
          param: details.param ?? null,
          code: details.code ?? "3230",
        },
  gemini: ({ message, status }: Refusal) => [
    { error: { code: status, message, status: "INVALID_ARGUMENT" } },
  ],
  xai: ({ message }: Refusal) => ({
    code: "Client specified an invalid argument",
    error: message,
  }),
  cerebras: ({ message, details }: Refusal) => ({
    message,
    type: "invalid_request_error",
    param: details.param ?? "validation_error",
    code: "wrong_api_format",
  }),
  cohere: ({ message }: Refusal) => ({ id: "f81c9a1e", message }),
};

/** What backends say of fields they don't know. */
export const unknown = {
  openai: ([name = ""]: readonly string[]) =>
    new Refused(`Unrecognized request argument supplied: ${name}`),
  newerOpenai: ([name = ""]: readonly string[]) =>
    new Refused(`Unknown parameter: '${name}'.`, { param: name, code: "unknown_parameter" }),
  groq: ([name = ""]: readonly string[]) => new Refused(`property '${name}' is unsupported`),
  mistral: (names: readonly string[]) => forbidden(422, names),
  cerebras: (names: readonly string[]) =>
    new Refused(
      names.map((name) => `body.${name}: property 'body.${name}' is unsupported`).join("\n"),
      { param: "validation_error" },
    ),
  gemini: (names: readonly string[]) =>
    new Refused(
      names
        .map((name) => `Invalid JSON payload received. Unknown name "${name}": Cannot find field.`)
        .join("\n"),
    ),
  fireworks: ([name = ""]: readonly string[]) =>
    new Refused(`Extra inputs are not permitted, field: '${name}'`),
  nim: (names: readonly string[]) =>
    new Refused(
      `[${names
        .map(
          (name) =>
            `{'type': 'extra_forbidden', 'loc': ('body', '${name}'), 'msg': 'Extra inputs are not permitted'}`,
        )
        .join(", ")}]`,
    ),
  cohere: ([name = ""]: readonly string[]) =>
    new Refused(`invalid request: unknown field '${name}'`, { status: 422 }),
};

function forbidden(status: number, names: readonly string[]): Refused {
  return new Refused("Extra inputs are not permitted", {
    status,
    body: {
      detail: names.map((name) => ({
        type: "extra_forbidden",
        loc: ["body", name],
        msg: "Extra inputs are not permitted",
      })),
    },
  });
}
