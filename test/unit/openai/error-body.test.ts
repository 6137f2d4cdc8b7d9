import { describe, expect, test } from "vitest";
import { isErrorObject, parseErrorBody, toBackendError } from "../../../src/openai/error-body.ts";

/** What backends are known to send, and the one line that is told of it. */
const bodies: readonly (readonly [who: string, body: unknown, message: string])[] = [
  [
    "OpenAI",
    { error: { message: "no", type: "invalid_request_error", param: null, code: null } },
    "no",
  ],
  [
    "llama.cpp",
    { error: { code: 400, message: "too long", type: "exceed_context_size_error" } },
    "too long",
  ],
  [
    "OpenRouter",
    {
      error: {
        code: 502,
        message: "Provider returned error",
        metadata: { raw: '{"error":{"message":"overloaded"}}', provider_name: "X" },
      },
    },
    "Provider returned error: overloaded",
  ],
  [
    "OpenRouter, the cause as text",
    { error: { message: "Provider returned error", metadata: { raw: "busy" } } },
    "Provider returned error: busy",
  ],
  ["Azure's gateway", { statusCode: 400, message: "no" }, "no"],
  [
    "old vLLM",
    { object: "error", message: "no", type: "BadRequestError", param: null, code: 400 },
    "no",
  ],
  [
    "Cerebras",
    { message: "no", type: "invalid_request_error", param: "x", code: "wrong_api_key" },
    "no",
  ],
  ["LM Studio and Ollama", { error: "no" }, "no"],
  ["one whose text is JSON again", { error: '{"error":{"message":"no"}}' }, "no"],
  [
    "TGI",
    { error: "Input validation error: no", error_type: "validation" },
    "Input validation error: no",
  ],
  ["NIM", { type: "urn:x", title: "Bad Request", status: 400, detail: "no" }, "no"],
  ["NIM without a detail", { type: "about:blank", title: "Bad Request" }, "Bad Request"],
  ["FastAPI", { detail: "no" }, "no"],
  [
    "FastAPI, checking",
    {
      detail: [
        { type: "extra_forbidden", loc: ["body", "x"], msg: "not permitted" },
        { loc: ["body", 0], msg: "bad" },
      ],
    },
    "body.x: not permitted; body.0: bad",
  ],
  ["FastAPI, an object", { detail: { message: "no" } }, "no"],
  ["Mistral's gateway", { message: "Unauthorized", request_id: "1" }, "Unauthorized"],
  [
    "Gemini",
    [{ error: { code: 400, message: "no", status: "INVALID_ARGUMENT", details: [] } }],
    "no",
  ],
  ["xAI", { code: "Client specified an invalid argument", error: "no" }, "no"],
  ["Cohere", { id: "1", message: "too many tokens" }, "too many tokens"],
  ["Anthropic", { type: "error", error: { type: "invalid_request_error", message: "no" } }, "no"],
  ["Fireworks' gateway", { fault: { faultstring: "no" } }, "no"],
  ["Novita", { code: 400, reason: "INVALID_REQUEST_BODY", message: "no", metadata: {} }, "no"],
  ["MiniMax", { base_resp: { status_code: 1004, status_msg: "no" } }, "no"],
  ["Cloudflare", { errors: [{ message: "no", code: 7003 }], success: false }, "no"],
  ["one that only names a type", { error: { type: "overloaded_error" } }, "overloaded_error"],
];

test.each(bodies)("%s: the message is found", (_, body, message) => {
  expect(parseErrorBody(JSON.stringify(body)).message).toBe(message);
  expect(toBackendError(body).message).toBe(message);
});

test.each([
  ["plain text", " Not Found\n", "Not Found"],
  ["markup", "<html><h1>502 Bad Gateway</h1></html>", ""],
  ["nothing", "", ""],
  ["a number", "42", ""],
  ["an empty object", "{}", ""],
  ["an empty message", '{"error":{"message":""}}', ""],
  ["half a document", '{"error":', '{"error":'],
])("%s is told as %j", (_, body, message) => {
  expect(parseErrorBody(body).message).toBe(message);
});

describe("a message", () => {
  test.each([
    ["line ends become spaces", "a\r\nb\tc", "a b c"],
    ["colours of a terminal go", "\u001B[31mred\u001B[0m", "red"],
    ["U+2028 becomes a space", "a\u2028b", "a b"],
    ["half a character becomes U+FFFD", "a\ud83d", "a\uFFFD"],
    ["spaces around it go", "  a  ", "a"],
  ])("is one printable line: %s", (_, message, told) => {
    expect(parseErrorBody(JSON.stringify({ error: { message } })).message).toBe(told);
  });

  test("is cut at 1 Ki characters, and leaves no half of one", () => {
    const cut = (error: string) => parseErrorBody(JSON.stringify({ error })).message;
    expect(cut("x".repeat(5_000))).toBe(`${"x".repeat(1023)}…`);
    expect(cut("x".repeat(1024))).toBe("x".repeat(1024));
    expect(cut("😀".repeat(1_000)).isWellFormed()).toBe(true);
  });
});

describe("the status", () => {
  test.each([
    [{ error: { code: 503, message: "x" } }, 503],
    [{ error: { code: "429", message: "x" } }, 429],
    [{ error: { status: 404, message: "x" } }, 404],
    [{ message: "x", code: 400 }, 400],
    [[{ error: { code: 400, message: "x" } }], 400],
    [{ status: 422, detail: "x" }, 422],
    [{ statusCode: 401, message: "x" }, 401],
    [{ error: '{"error":{"code":503}}' }, 503],
    [{ error: { code: "context_length_exceeded", message: "x" } }, undefined],
    [{ error: { code: 1004, message: "x" } }, undefined],
    [{ error: { code: 200, message: "x" } }, undefined],
    [{ error: "x" }, undefined],
  ])("of %j is %s", (body, status) => {
    expect(parseErrorBody(JSON.stringify(body)).status).toBe(status);
    expect(toBackendError(body).status).toBe(status ?? 502);
  });
});

describe("what is complained of", () => {
  test.each<[string, unknown, object]>([
    [
      "OpenAI",
      { error: { message: "no", param: "top_k", code: "unknown_parameter" } },
      { param: "top_k", code: "unknown_parameter", locations: [] },
    ],
    [
      "Cerebras",
      { message: "no", type: "invalid_request_error", param: "body.top_k", code: "wrong" },
      { param: "top_k", code: "wrong", locations: [] },
    ],
    [
      "llama.cpp, whose code is the status",
      { error: { code: 400, message: "no", type: "exceed_context_size_error" } },
      { code: "exceed_context_size_error", locations: [] },
    ],
    [
      "Mistral, whose code is a number",
      { object: "error", message: { detail: "no" }, type: "invalid_request", code: 3230 },
      { code: "3230", locations: [] },
    ],
    [
      "FastAPI",
      {
        detail: [
          { type: "extra_forbidden", loc: ["body", "top_k"], msg: "no" },
          { type: "missing", loc: ["body", "messages", 0, "content"], msg: "no" },
          { type: "missing", loc: ["body", 0], msg: "no" },
          { type: "missing", loc: "body.seed", msg: "no" },
          { msg: "no" },
          null,
        ],
      },
      { code: "extra_forbidden", locations: ["top_k", "content", "seed"] },
    ],
    [
      "Gemini",
      [
        {
          error: {
            code: 400,
            message: "no",
            status: "INVALID_ARGUMENT",
            details: [{ fieldViolations: [{ field: "generation_config", description: "no" }] }],
          },
        },
      ],
      { code: "INVALID_ARGUMENT", locations: ["generation_config"] },
    ],
    [
      "OpenRouter, of the one behind it",
      {
        error: {
          message: "Provider returned error",
          code: 400,
          type: "provider_error",
          metadata: { raw: '{"error":{"param":"seed","code":"unsupported","message":"no"}}' },
        },
      },
      { param: "seed", code: "unsupported", locations: [] },
    ],
    ["xAI", { code: "Not found", error: "no" }, { code: "Not found", locations: [] }],
    [
      "Novita",
      { code: 400, reason: "BAD_BODY", message: "no" },
      { code: "BAD_BODY", locations: [] },
    ],
    ["MiniMax", { base_resp: { status_code: 1004, status_msg: "no" } }, { code: "1004" }],
    ["Cloudflare", { errors: [{ message: "no", code: 7003 }], success: false }, { code: "7003" }],
    ["TGI", { error: "no", error_type: "validation" }, { code: "validation" }],
    ["nobody", { error: { message: "no", param: null, code: null } }, { locations: [] }],
    ["nobody, in words", { error: "no" }, { locations: [] }],
  ])("is told by %s", (_, body, told) => {
    const refusal = parseErrorBody(JSON.stringify(body));
    expect(refusal).toMatchObject(told);
    expect("param" in refusal).toBe("param" in told);
    expect("code" in refusal).toBe("code" in told);
    expect(toBackendError(body).refusal).toEqual(refusal);
  });

  test("is one printable line too", () => {
    const body = { error: { message: "a", param: "b\nc", code: "d\u001B[31me" } };
    expect(parseErrorBody(JSON.stringify(body))).toMatchObject({ param: "b c", code: "de" });
  });

  test("is nothing in what is no JSON", () => {
    expect(parseErrorBody("no")).toEqual({ status: undefined, message: "no", locations: [] });
  });
});

describe("with a success status", () => {
  test.each([
    [{ error: { message: "x" } }],
    [{ error: "x" }],
    [{ error: { message: "x" }, choices: [] }],
    [{ object: "error", message: "x" }],
    [{ type: "error", error: { message: "x" } }],
    [[{ error: { message: "x" } }]],
    [{ base_resp: { status_code: 1004, status_msg: "x" } }],
    [{ base_resp: { status_code: 1004, status_msg: "x" }, choices: null }],
    [{ errors: [{ message: "x", code: 7003 }], success: false }],
    [{ message: "x", type: "server_error", code: "" }],
    [{ message: "x", code: 500 }],
  ])("%j is an error", (value) => {
    expect(isErrorObject(value)).toBe(true);
  });

  test.each([
    [{ choices: [] }],
    [{ error: null, choices: [] }],
    [{ error: "", choices: [] }],
    [{ error: false, choices: [] }],
    [{ choices: [{ message: { content: "x" } }], base_resp: { status_code: 1027 } }],
    [{ type: "ping" }],
    [{ type: "info", message: "queued" }],
    [{ code: 0, message: "ok" }],
    [{ choices: [], base_resp: { status_code: 0, status_msg: "" } }],
    [[]],
    [null],
    ["error"],
    [1],
  ])("%j is none", (value) => {
    expect(isErrorObject(value)).toBe(false);
  });

  test("an error that says nothing is told all the same", () => {
    expect(toBackendError({ error: {} })).toMatchObject({
      message: "the backend failed",
      status: 502,
    });
  });
});
