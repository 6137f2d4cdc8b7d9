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
    [{ error: { code: "context_length_exceeded", message: "x" } }, undefined],
    [{ error: { code: 1004, message: "x" } }, undefined],
    [{ error: { code: 200, message: "x" } }, undefined],
    [{ error: "x" }, undefined],
  ])("of %j is %s", (body, status) => {
    expect(parseErrorBody(JSON.stringify(body)).status).toBe(status);
    expect(toBackendError(body).status).toBe(status ?? 502);
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
  ])("%j is an error", (value) => {
    expect(isErrorObject(value)).toBe(true);
  });

  test.each([
    [{ choices: [] }],
    [{ error: null, choices: [] }],
    [{ error: "", choices: [] }],
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
