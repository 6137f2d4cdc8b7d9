import type { Json } from "../support/ndjson.ts";
import type { Difference } from "./comparison.ts";

const JSON_TYPE = "application/json; charset=utf-8";
const RUNNING = "an error was encountered while running the model: ";

function error(text: string): string {
  return `${JSON.stringify({ error: text })}\n`;
}

function both(name: string): readonly string[] {
  return [`chat-stream-${name}`, `chat-nostream-${name}`];
}

/** The last line of a stream that broke, behind what had been said. */
function broken(reason: string): RegExp {
  const text = `"done":true,"done_reason":"error",.*"error":"${RUNNING}${reason}"\\}`;
  return new RegExp(`^\\{.*"content":"Hello"\\},"done":false\\}\\n\\{.*${text}\\n$`, "u");
}

function brokenOff(name: string, reason: string, why: string): readonly Difference[] {
  return [
    { cases: [`chat-stream-${name}`], reason: why, body: broken(reason) },
    {
      cases: [`chat-nostream-${name}`],
      reason: why,
      status: 502,
      body: error(RUNNING + reason),
    },
  ];
}

/** A refusal of the backend, in its own words. */
function refused(
  name: string,
  text: string,
  reason = "what a backend says is told as text",
): Difference {
  return { cases: both(name), reason, body: error(text) };
}

const UNUSABLE = 'upstream "a" returned an invalid response';

function unusable(name: string, message = UNUSABLE): Difference {
  return {
    cases: both(name),
    reason: "the backend is at fault, and named: 502",
    status: 502,
    headers: { "content-type": JSON_TYPE },
    body: error(message),
  };
}

const FIGURES =
  ',"prompt_eval_count":12,"prompt_eval_duration":"<nanoseconds>","eval_count":5,"eval_duration":"<nanoseconds>"}';

const ended = (text: string) =>
  new RegExp(
    `^\\{.*"content":"${text}".*"done":true,"done_reason":"stop",.*"eval_count":\\d`,
    "su",
  );

/** Where our streams differ from real Ollama's on purpose; see docs/COMPATIBILITY.md. */
export const streamDifferences: readonly Difference[] = [
  {
    cases: both("text-usage-only"),
    reason: "counts are taken from OpenAI's usage, which real Ollama does not read",
    body: (recorded) =>
      recorded.replace(/("load_duration":"<nanoseconds>")\}\n$/u, `$1${FIGURES}\n`),
  },
  {
    cases: [...both("empty-stream"), ...both("tool-then-eof")],
    reason: "a stream without a finish is an error, not an empty success",
    status: 502,
    headers: { "content-type": JSON_TYPE },
    body: error(UNUSABLE),
  },
  {
    cases: both("done-only"),
    reason: "[DONE] counts as a finish",
    body: ended(""),
  },
  ...brokenOff(
    "no-finish-eof",
    "stream ended before completion",
    "a stream without a finish is an error, not a silent end",
  ),
  ...brokenOff("error-event-object", "boom", "the message of an error event, not Go's print of it"),
  ...brokenOff("error-prefix-line", "boom", "llama.cpp's `error:` field is read"),
  unusable("reset-before"),
  unusable("tool-args-array", "invalid tool call arguments"),
  unusable("tool-args-string", "invalid tool call arguments"),
  unusable("content-number"),
  {
    cases: ["chat-stream-reasoning-field"],
    reason: "`reasoning` is thinking as much as `reasoning_content` is",
    body: (recorded) =>
      recorded.replace(
        /^/u,
        '{"model":"orc","message":{"role":"assistant","content":"","thinking":"Let me"},"done":false}\n',
      ),
  },
  {
    cases: ["chat-nostream-reasoning-field"],
    reason: "`reasoning` is thinking as much as `reasoning_content` is",
    body: (recorded) => recorded.replace('"content":"Hi"', '"content":"Hi","thinking":"Let me"'),
  },
  {
    cases: both("tool-no-id"),
    reason: "a call without an id gets one, since clients answer by it",
    body: /"tool_calls":\[\{"id":"call_[0-9a-z]{8}","function":\{"index":0,"name":"f","arguments":\{"x":1\}\}\}\]/u,
  },
  {
    cases: both("tool-args-null"),
    reason: "arguments are always an object",
    body: (recorded) => recorded.replace('"arguments":null', '"arguments":{}'),
  },
  {
    cases: [...both("no-space-after-colon"), ...both("event-and-id-lines")],
    reason: "every form of Server-Sent Events is read",
    status: 200,
    body: ended("Hello"),
  },
  {
    cases: ["chat-stream-no-space-after-colon", "chat-stream-event-and-id-lines"],
    reason: "every form of Server-Sent Events is read",
    headers: { "content-type": "application/x-ndjson" },
  },
  {
    cases: ["chat-stream-choice-index-1-only"],
    reason: "one choice is asked for; another than the first is not it",
    body: (recorded) => recorded.replace(/^.*"content":"B".*\n/u, ""),
  },
  {
    cases: ["chat-nostream-choice-index-1-only"],
    reason: "one choice is asked for; another than the first is not it",
    body: (recorded) => recorded.replace('"content":"B"', '"content":""'),
  },
  {
    cases: ["chat-stream-lone-surrogate"],
    reason: "an emoji cut in two halves over two events is put together",
    body: (recorded) => recorded.replace("a\uFFFD", "a").replace("\uFFFDb", "😀b"),
  },
  {
    cases: ["chat-nostream-lone-surrogate"],
    reason: "an emoji cut in two halves over two events is put together",
    body: (recorded) => recorded.replace("a\uFFFD\uFFFDb", "a😀b"),
  },
  {
    cases: both("big-event-9mb"),
    reason: "the backend is at fault: 502",
    status: 502,
    body: error("response stream event exceeded 8 MB limit"),
  },
  {
    cases: ["chat-nostream-logprobs"],
    reason: "log probabilities come last on every route, as on real Ollama's /api/generate",
    body: (recorded) => recorded.replace(/("logprobs":\[.*\]),(.*)\}\n$/u, "$2,$1}\n"),
  },
  {
    cases: both("whole-json-not-stream"),
    reason: "a backend that answers in one piece is understood",
    body: ended("Hello"),
  },
  refused("h400", "bad request text"),
  refused("h500", "internal"),
  refused("h503", "Loading model"),
  refused("h400-error-string", "just a string"),
  refused("h400-detail", "body: field required"),
  refused("h502-html", 'upstream "a" returned 502 Scripted', "a page is no message"),
  refused("h404", "model 'orc' not found", "Ollama's own text, which its clients look for"),
  {
    cases: both("h401"),
    reason: "the proxy's key is not the client's: a 401 would ask the client to sign in",
    status: 502,
    body: error('upstream "a" rejected the proxy\'s credentials'),
  },
  {
    cases: /^chat-stream-(?:h\d|big-event)/u,
    reason: "errors of all routes are written in one way",
    headers: { "content-type": JSON_TYPE },
  },
];

interface RequestDifference {
  cases: readonly string[] | RegExp;
  field: string;
  reason: string;
  /** What we ask instead. */
  ours: Json;
}

function thinking(on: boolean): Json {
  return { enable_thinking: on, thinking: on };
}

export const requestDifferences: readonly RequestDifference[] = [
  {
    cases: ["req-chat-think-true", "req-chat-think-high", "req-chat-think-max"],
    field: "chat_template_kwargs",
    reason: "both switches that templates know are set; a level is sent as reasoning_effort",
    ours: thinking(true),
  },
  {
    cases: ["req-chat-think-false"],
    field: "chat_template_kwargs",
    reason: "both switches that templates know are set",
    ours: thinking(false),
  },
  {
    cases: ["req-chat-format-schema"],
    field: "response_format",
    reason: "the name of a schema is free",
    ours: {
      type: "json_schema",
      json_schema: {
        name: "response",
        schema: { type: "object", properties: { a: { type: "string" } } },
      },
    },
  },
  {
    cases: ["req-chat-tools-strange"],
    field: "tools",
    reason: "a function is handed on whole; real Ollama drops what it does not know",
    ours: [
      {
        type: "function",
        function: {
          name: "f",
          parameters: {
            type: "object",
            $defs: { A: { type: "string" } },
            properties: {
              a: {
                anyOf: [{ type: "string" }, { type: "null" }],
                description: "d",
                enum: ["x", null],
              },
              b: { type: ["string", "null"] },
              c: {
                type: "array",
                items: { type: "object", properties: { z: { type: "integer", minimum: 1 } } },
              },
            },
            required: ["a"],
            additionalProperties: false,
          },
          strict: true,
        },
      },
    ],
  },
  {
    cases: ["req-chat-messages"],
    field: "messages",
    reason:
      "each result carries the id of its call, made up where the client left it out, which OpenAI's API asks for",
    ours: [
      { role: "system", content: "S" },
      { role: "user", content: "q" },
      {
        role: "assistant",
        content: "",
        tool_calls: [
          { id: "call00001", type: "function", function: { name: "f", arguments: '{"x":1}' } },
          { id: "call00002", type: "function", function: { name: "g", arguments: "{}" } },
          { id: "call00003", type: "function", function: { name: "tool", arguments: "{}" } },
        ],
      },
      { role: "tool", content: "R1", tool_call_id: "call00001" },
      { role: "tool", content: "R2", tool_call_id: "call00002" },
      { role: "tool", content: "R3", tool_call_id: "call00003" },
      { role: "user", content: "script:text" },
    ],
  },
];

function openaiError(message: string, type: string, code: string | null = null): string {
  return JSON.stringify({ error: { message, type, param: null, code } });
}

function anthropicError(message: string, type: string): RegExp {
  const body = JSON.stringify({ type: "error", error: { type, message } }).slice(0, -1);
  return new RegExp(`${escaped(body)},"request_id":"req_[0-9a-f]{24}"\\}`, "u");
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/gu, String.raw`\$&`);
}

/** A document put together from a stream that nobody asked for. */
function joined(message: object, finish: string): string {
  const { choices, ...rest } = {
    id: "chatcmpl-x",
    object: "chat.completion",
    created: 1_700_000_000,
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", ...message }, finish_reason: finish }],
  };
  const usage = { prompt_tokens: 12, completion_tokens: 5, total_tokens: 17 };
  return JSON.stringify({ ...rest, choices, usage });
}

function call(id: string, name: string, values: string): object {
  return { id, type: "function", function: { name, arguments: values } };
}

const UNASKED = "a backend that streams although it was not asked to is put together";
const ONE_SHAPE = "a backend's error is told in the shape of the route";

function document(name: string, message: object, finish = "stop"): Difference {
  return {
    cases: [`v1-nostream-${name}`],
    reason: UNASKED,
    headers: { "content-type": "application/json" },
    body: joined(message, finish),
  };
}

/** Behind what had been said, an error event and no `[DONE]`. */
function lastEvent(cases: readonly string[], event: string | RegExp): Difference {
  const pattern = event instanceof RegExp ? event.source : escaped(`data: ${event}`);
  return {
    cases,
    reason: "a stream that breaks ends with an error event, so that a client sees it",
    body: new RegExp(`"content":"Hello".*\\n\\n(?:event: error\\ndata: )?${pattern}\\n\\n$`, "u"),
  };
}

const CUT = `${RUNNING}stream ended before completion`;

/** What `/v1` clients get where it is not byte for byte what the backend sent. */
export const v1Differences: readonly Difference[] = [
  document("text", { content: "Hello world" }),
  document("reasoning", { content: "Hi", reasoning_content: "Let me think" }),
  document(
    "tool-one",
    { content: "", tool_calls: [call("call_abc", "get_weather", '{"city":"Paris"}')] },
    "tool_calls",
  ),
  document(
    "tool-with-text",
    { content: "I will look.", tool_calls: [call("a", "f", "{}")] },
    "tool_calls",
  ),
  {
    cases: ["v1-nostream-logprobs"],
    reason: UNASKED,
    headers: { "content-type": "application/json" },
    body: /"logprobs":\{"content":\[\{"token":"Hi","logprob":-0\.5,/u,
  },
  {
    cases: ["v1-nostream-no-finish-eof"],
    reason: "a stream without a finish is an error",
    status: 502,
    headers: { "content-type": JSON_TYPE },
    body: openaiError(UNUSABLE, "api_error"),
  },
  {
    cases: ["v1-nostream-error-event-object"],
    reason: ONE_SHAPE,
    status: 500,
    headers: { "content-type": JSON_TYPE },
    body: openaiError("boom", "api_error"),
  },
  lastEvent(
    ["v1-stream-no-finish-eof", "responses-stream-no-finish-eof"],
    openaiError(CUT, "api_error"),
  ),
  lastEvent(
    ["v1-stream-error-event-object", "responses-stream-error-event-object"],
    openaiError(`${RUNNING}boom`, "api_error"),
  ),
  lastEvent(["anthropic-stream-no-finish-eof"], anthropicError(CUT, "api_error")),
  lastEvent(["anthropic-stream-error-event-object"], anthropicError(`${RUNNING}boom`, "api_error")),
  {
    cases: /-h[45]00$/u,
    reason: ONE_SHAPE,
    headers: { "content-type": JSON_TYPE },
  },
  {
    cases: ["v1-stream-h400", "v1-nostream-h400"],
    reason: ONE_SHAPE,
    body: openaiError("bad request text", "invalid_request_error"),
  },
  {
    cases: ["responses-stream-h400"],
    reason: ONE_SHAPE,
    body: openaiError("bad request text", "invalid_request_error", "invalid_request_error"),
  },
  {
    cases: ["v1-stream-h500", "v1-nostream-h500", "responses-stream-h500"],
    reason: ONE_SHAPE,
    body: openaiError("internal", "api_error"),
  },
  {
    cases: ["anthropic-stream-h400"],
    reason: ONE_SHAPE,
    body: anthropicError("bad request text", "invalid_request_error"),
  },
  {
    cases: ["anthropic-stream-h500"],
    reason: ONE_SHAPE,
    body: anthropicError("internal", "api_error"),
  },
];
