import { createServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isObject, parseNdjson } from "../support/ndjson.ts";
import {
  chunk,
  json,
  sse,
  startScriptedUpstream,
  type Script,
  type ScriptedUpstream,
  type Step,
} from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";
import { contextOverflow } from "../../src/errors.ts";
import { ask, fronts, type Expected } from "./fronts.ts";
import { until } from "./waiting.ts";

const CANARY = "sk-CANARY-upstream";

interface Fault {
  /** What the backend does; a bare list of steps is a 200 with Server-Sent Events. */
  script: Script | Iterable<Step>;
  expected: Expected;
  /** Also on generate, in one piece, and on `/v1`. */
  everywhere?: true;
  /** Needs a proxy of little patience. */
  silent?: true;
}

let upstream: ScriptedUpstream;
let elsewhere: ScriptedUpstream;
let proxy: StartedProxy;
let hasty: StartedProxy;

beforeAll(async () => {
  upstream = await startScriptedUpstream();
  elsewhere = await startScriptedUpstream();
  const upstreamUrl = upstream.baseUrl;
  proxy = await startProxy({ upstreamUrl, config: { timeouts: { after_finish: 0.2 } } });
  const timeouts = { first_byte: 0.25, idle: 0.25, idle_data: 0.5, after_finish: 0.2 };
  hasty = await startProxy({ upstreamUrl, config: { timeouts } });
});
afterAll(async () => {
  await proxy.close();
  await hasty.close();
  await upstream.close();
  await elsewhere.close();
});

const WELL = sse(chunk({ content: "well" }), chunk({}, "stop"), "[DONE]");
const FIVE = sse(
  chunk({ role: "assistant", content: "" }),
  ...["1", "2", "3", "4", "5"].map((content) => chunk({ content })),
);
const END = sse(chunk({}, "stop"), "[DONE]");
/** What has been sent gets a moment to arrive, since a reset may overtake it. */
const A_MOMENT: Step = { wait: 20 };

const invalid: Expected = { refused: 502, error: 'upstream "a" returned an invalid response' };
const unreachable: Expected = { refused: 502, error: 'upstream "a" is unreachable' };
const late: Expected = { refused: 504, error: 'upstream "a" did not respond in time' };
const rejected: Expected = {
  refused: 502,
  error: `upstream "a" rejected the proxy's credentials`,
};

function cut(reason: string): Expected {
  return { cut: reason, after: "12345" };
}

function whole(text: string, reason = "stop"): Expected {
  return { text, reason };
}

function raw(...steps: Step[]): Script {
  return { raw: true, steps };
}

function html(status: number, statusText: string): Script {
  return raw(
    `HTTP/1.1 ${status} ${statusText}\r\ncontent-type: text/html\r\ncontent-length: 29\r\n\r\n`,
    "<html><h1>nginx</h1></html>\r\n",
  );
}

function message(status: number, text: string, headers: Record<string, string> = {}): Script {
  return json(status, { error: { message: text, type: "x", code: null } }, headers);
}

/** A fault is played on several routes, so its steps must be there more than once. */
function repeatable(make: () => Generator<Step>): Iterable<Step> {
  return { [Symbol.iterator]: make };
}

function forever(step: Step, ...first: Step[]): Iterable<Step> {
  return repeatable(function* () {
    yield* first;
    for (;;) yield step;
  });
}

function inPieces(text: string, size: number): Iterable<Step> {
  const bytes = Buffer.from(text);
  return repeatable(function* () {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  });
}

function dripping(text: string): Iterable<Step> {
  return Array.from(text).flatMap((character) => [character, { wait: 100 }]);
}

function pinging(text: string): Iterable<Step> {
  return repeatable(function* () {
    yield text;
    for (;;) {
      yield { wait: 50 };
      yield ": ping\n\n";
    }
  });
}

/** Error events in the four forms that backends use. */
const errorEvents: Record<string, (text: string, code?: number) => string> = {
  "of OpenAI": (text, code) => sse({ error: { message: text, code } }),
  "of vLLM": (text, code) => sse({ object: "error", message: text, code }),
  "in a field of llama.cpp": (text, code) =>
    `error: ${JSON.stringify({ message: text, code })}\n\n`,
  "by its name": (text, code) =>
    `event: error\ndata: ${JSON.stringify({ message: text, code })}\n\n`,
};

const toolCall = (values: string, index: unknown = 0) =>
  chunk({ tool_calls: [{ index, id: "c", function: { name: "f", arguments: values } }] });

/** Nothing but a connection. */
const connecting: Record<string, Fault> = {
  "F-06 FIN without a byte": { script: raw({ end: true }), expected: invalid, everywhere: true },
  "F-08 accepts and never answers": {
    script: raw({ hang: true }),
    expected: late,
    everywhere: true,
    silent: true,
  },
  "F-09 a status line that drips": {
    script: { raw: true, steps: dripping("HTTP/1.1 200 OK\r\n") },
    expected: late,
    silent: true,
  },
  "F-10 another protocol": { script: raw("SSH-2.0-x\r\n", { hang: true }), expected: invalid },
  "F-10 a TLS alert": {
    script: raw(Buffer.from([21, 3, 1, 0, 2, 2, 70]), { hang: true }),
    expected: invalid,
  },
  "F-11 a header of 64 KiB": {
    script: raw(`HTTP/1.1 200 OK\r\nx: ${"x".repeat(65_536)}\r\n\r\n`, { hang: true }),
    expected: invalid,
  },
  "F-11 10,000 headers": {
    script: raw(`HTTP/1.1 200 OK\r\n${"x: y\r\n".repeat(10_000)}\r\n`, { hang: true }),
    expected: invalid,
  },
  "F-11 NUL in a header": {
    script: raw("HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n", { hang: true }),
    expected: invalid,
  },
  "F-13 two kinds of length": {
    script: raw(
      "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
      { hang: true },
    ),
    expected: invalid,
  },
  "F-13 two lengths": {
    script: raw("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!", {
      hang: true,
    }),
    expected: invalid,
  },
  "F-13 a negative chunk size": {
    script: raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-5\r\nhello\r\n", {
      hang: true,
    }),
    expected: invalid,
  },
  "F-13 a chunk of 2^64 bytes": {
    script: raw(
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10000000000000000\r\nhello\r\n",
      { hang: true },
    ),
    expected: invalid,
  },
};

/** A status and headers came; the client has nothing yet. */
const beforeCommit: Record<string, Fault> = {
  "F-20 500": {
    script: message(500, "boom"),
    expected: { refused: 500, error: "boom" },
    everywhere: true,
  },
  ...Object.fromEntries(
    (
      [
        [502, "Bad Gateway"],
        [503, "Service Unavailable"],
        [504, "Gateway Timeout"],
      ] as const
    ).map(([status, text]): [string, Fault] => [
      `F-21 ${status} with an HTML page`,
      {
        script: html(status, text),
        expected: { refused: status, error: `upstream "a" returned ${status} ${text}` },
        everywhere: true,
      },
    ]),
  ),
  "F-22 503 with Retry-After": {
    script: message(503, "busy", { "retry-after": "7" }),
    expected: { refused: 503, error: "busy", retryAfter: "7" },
    everywhere: true,
  },
  "F-23 529": {
    script: message(529, "Overloaded"),
    expected: { refused: 503, error: "Overloaded" },
    everywhere: true,
  },
  "F-24 429 with Retry-After": {
    script: message(429, "slow down", { "retry-after": "2" }),
    expected: { refused: 429, error: "slow down", retryAfter: "2" },
    everywhere: true,
  },
  ...Object.fromEntries(
    (
      [
        ["-5", "1"],
        ["1e9", "5"],
        ["999999999", "300"],
        ["abc", "5"],
        ["1.5", "2"],
        ["Wed, 21 Oct 2015 07:28:00 GMT", "1"],
        ["Fri, 01 Jan 2100 00:00:00 GMT", "300"],
      ] as const
    ).map(([given, passed]): [string, Fault] => [
      `F-25 429 with Retry-After: ${given}`,
      {
        script: message(429, "slow down", { "retry-after": given }),
        expected: { refused: 429, error: "slow down", retryAfter: passed },
      },
    ]),
  ),
  "F-25 429 without Retry-After": {
    script: message(429, "slow down"),
    expected: { refused: 429, error: "slow down", retryAfter: "5" },
  },
  "F-26 insufficient_quota": {
    script: json(429, {
      error: { message: "You exceeded your quota", code: "insufficient_quota" },
    }),
    expected: { refused: 429, error: "You exceeded your quota", retryAfter: "5" },
  },
  ...Object.fromEntries(
    [401, 403].map((status): [string, Fault] => [
      `F-27 ${status} that repeats the key`,
      {
        script: message(status, `Incorrect API key provided: ${CANARY}`),
        expected: rejected,
        everywhere: true,
      },
    ]),
  ),
  "F-27 a key in another error": {
    script: message(500, `no luck with ${CANARY}, nor with sk-other-1234 or Bearer abc.def`),
    expected: {
      refused: 500,
      error: "no luck with [redacted], nor with [redacted] or Bearer [redacted]",
    },
    everywhere: true,
  },
  "F-28 402": { script: message(402, "pay"), expected: rejected },
  "F-28 407": { script: message(407, "proxy"), expected: rejected },
  "F-29 404 model_not_found": {
    script: json(404, {
      error: { message: "The model `m` does not exist", code: "model_not_found" },
    }),
    expected: { refused: 404, error: "model 'm' not found" },
    everywhere: true,
  },
  "F-29 404 of a wrong address": {
    script: json(404, { detail: "Not Found" }),
    expected: { refused: 502, error: 'upstream "a" has no such route; check its base_url' },
  },
  "F-30 context_length_exceeded": {
    script: json(400, {
      error: { message: "maximum context length is 8192", code: "context_length_exceeded" },
    }),
    expected: {
      refused: 400,
      error: contextOverflow().message,
      openaiError: "maximum context length is 8192",
    },
    everywhere: true,
  },
  ...Object.fromEntries(
    [413, 415, 422, 451].map((status): [string, Fault] => [
      `F-31 ${status}`,
      {
        script: message(status, `no: ${status}`),
        expected: { refused: status, error: `no: ${status}` },
        everywhere: true,
      },
    ]),
  ),
  "F-32 408": { script: message(408, "too slow"), expected: late },
  ...Object.fromEntries(
    [301, 302, 303, 307, 308].map((status): [string, Fault] => [
      `F-33 ${status} to another place`,
      {
        get script() {
          return { status, headers: { location: `${elsewhere.baseUrl}/x` }, steps: [] };
        },
        expected: invalid,
      },
    ]),
  ),
  "F-34 200 with a JSON error": {
    script: json(200, { error: { code: 503, message: "x" } }),
    expected: { refused: 503, error: "x" },
    everywhere: true,
  },
  "F-34 200 with a JSON error of no status": {
    script: json(200, { error: { code: "oops", message: "x" } }),
    expected: { refused: 502, error: "x" },
    everywhere: true,
  },
  "F-34 200 with a JSON error about the key": {
    script: json(200, { error: { code: 401, message: `bad key ${CANARY}` } }),
    expected: rejected,
    everywhere: true,
  },
  "F-34 200 with a JSON error of 529": {
    script: json(200, { error: { code: 529, message: "Overloaded" } }),
    expected: { refused: 503, error: "Overloaded" },
  },
  "F-35 200 text/html": { script: html(200, "OK"), expected: invalid },
  "F-35 200 text/html that never ends": {
    script: {
      headers: { "content-type": "text/html; charset=utf-8" },
      steps: ["<p>", { hang: true }],
    },
    expected: invalid,
  },
  "F-35 200 with an HTML page as events": { script: ["<html>", "</html>"], expected: invalid },
  "F-36 200 with an empty body": { script: [], expected: invalid, everywhere: true },
  "F-36 204": {
    script: raw("HTTP/1.1 204 No Content\r\n\r\n"),
    expected: invalid,
    everywhere: true,
  },
  ...Object.fromEntries(
    Object.entries(errorEvents).map(([kind, event]): [string, Fault] => [
      `F-37 an error event ${kind}`,
      {
        script: [event("no memory", 503), { hang: true }],
        expected: { refused: 503, error: "no memory" },
        everywhere: true,
      },
    ]),
  ),
  "F-37 an error event without a status": {
    script: [sse({ error: { message: "no memory" } }), { hang: true }],
    expected: { refused: 502, error: "no memory" },
    everywhere: true,
  },
  "F-38 only a role, then RST": {
    script: [sse(chunk({ role: "assistant", content: "" })), A_MOMENT, { reset: true }],
    expected: invalid,
    everywhere: true,
  },
  "F-41 gzip": {
    script: { headers: { "content-encoding": "gzip" }, steps: forever(Buffer.alloc(65_536)) },
    expected: invalid,
  },
  "F-41 br": {
    script: {
      headers: { "content-encoding": "br" },
      steps: [Buffer.from([11, 2]), { hang: true }],
    },
    expected: invalid,
  },
  "F-42 an error whose body never ends": {
    script: {
      status: 500,
      headers: { "content-type": "text/plain" },
      steps: forever("x".repeat(8192)),
    },
    expected: { refused: 500, error: `${"x".repeat(1023)}…` },
  },
  "F-42 an error whose body never comes": {
    script: raw("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 99\r\n\r\nno", {
      hang: true,
    }),
    expected: { refused: 500, error: "no" },
  },
  "F-43 an error that is cut": {
    script: { status: 400, steps: ["bad", A_MOMENT, { reset: true }] },
    expected: { refused: 400, error: "bad" },
  },
  ...Object.fromEntries(
    (
      [
        ["of invalid UTF-8", Buffer.from([98, 0xff, 97]), "b\uFFFDa"],
        ["with line ends and colours", "a\r\nb \u001B[31mred\u001B[0m", "a b red"],
        ["in a JSON text", JSON.stringify(JSON.stringify({ error: "deep" })), "deep"],
        ["in a text in an object", JSON.stringify({ error: '{"message":"deep"}' }), "deep"],
        ["that is a number", "42", 'upstream "a" returned 400 Scripted'],
        ["that is empty", "", 'upstream "a" returned 400 Scripted'],
        ["of 60 KB", "y".repeat(60_000), `${"y".repeat(1023)}…`],
        ["of FastAPI", '{"detail":[{"loc":["body","n"],"msg":"too big"}]}', "body.n: too big"],
      ] as const
    ).map(([kind, body, error]): [string, Fault] => [
      `F-43 an error ${kind}`,
      { script: { status: 400, steps: [body] }, expected: { refused: 400, error } },
    ]),
  ),
};

/** Not every oddity is a fault. */
const good: Record<string, Fault> = {
  "F-39 JSON although a stream was asked": {
    script: json(200, {
      object: "chat.completion",
      choices: [{ index: 0, message: { content: "hello" }, finish_reason: "length" }],
    }),
    expected: whole("hello", "length"),
  },
  "F-53 [DONE] without a finish": {
    script: [FIVE + sse("[DONE]")],
    expected: whole("12345"),
    everywhere: true,
  },
  "F-54 a finish, then nothing": {
    script: [FIVE + sse(chunk({}, "stop")), { hang: true }],
    expected: whole("12345"),
    everywhere: true,
  },
  "F-54 a finish, then pings for ever": {
    script: pinging(FIVE + sse(chunk({}, "stop"))),
    expected: whole("12345"),
    everywhere: true,
  },
  "F-54 [DONE], then nothing": {
    script: [FIVE + END, { hang: true }],
    expected: whole("12345"),
    everywhere: true,
  },
  "F-54 [DONE], then pings for ever": { script: pinging(FIVE + END), expected: whole("12345") },
  "F-50 RST after the finish": {
    script: [FIVE + sse(chunk({}, "stop")), A_MOMENT, { reset: true }],
    expected: whole("12345"),
    everywhere: true,
  },
  "F-61 invalid UTF-8 in the text": {
    script: [
      Buffer.concat([
        Buffer.from('data: {"choices":[{"delta":{"content":"a'),
        Buffer.from([0xff]),
        Buffer.from('b"}}]}\n\n'),
      ]),
      END,
    ],
    expected: whole("a\uFFFDb"),
  },
  ...Object.fromEntries(
    [1, 2, 3].map((at): [string, Fault] => {
      const bytes = Buffer.from(sse(chunk({ content: "😀" })));
      const split = bytes.indexOf(0xf0) + at;
      return [
        `F-62 an emoji cut at byte ${at}`,
        {
          script: [bytes.subarray(0, split), { wait: 10 }, bytes.subarray(split), END],
          expected: whole("😀"),
        },
      ];
    }),
  ),
  "F-63 an emoji in two events": {
    script: [sse(chunk({ content: "a\ud83d" }), chunk({ content: "\ude00b" })), END],
    expected: whole("a😀b"),
  },
  "F-63 half an emoji at the end": {
    script: [sse(chunk({ content: "a\ud83d" })), END],
    expected: whole("a\uFFFD"),
  },
  "F-65 one event of 7.9 MB in small pieces": {
    script: inPieces(sse(chunk({ content: "x".repeat(7_900_000) })) + END, 1_460),
    expected: whole("x".repeat(7_900_000)),
  },
  "F-68 one byte at a time": { script: inPieces(FIVE + END, 1), expected: whole("12345") },
  ...Object.fromEntries(
    (
      [
        ["CR", FIVE.replaceAll("\n", "\r") + END],
        ["CRLF", FIVE.replaceAll("\n", "\r\n") + END],
        ["a BOM", `\uFEFF${FIVE}${END}`],
        ["no space after the colon", (FIVE + END).replaceAll("data: ", "data:")],
        ["other fields", `id: 1\nretry: 9\nevent: message\n${FIVE}${END}`],
        ["data in several lines", FIVE.replaceAll('"choices"', '\ndata: "choices"') + END],
        ["comments between", FIVE.replaceAll("\n\n", "\n\n: ping\n\n:\n\n") + END],
      ] as const
    ).map(([kind, text]): [string, Fault] => [
      `F-69 ${kind}`,
      { script: [text], expected: whole("12345") },
    ]),
  ),
  "F-70 two finishes and text after them": {
    script: [FIVE + sse(chunk({}, "stop"), chunk({ content: "6" }, "length"), "[DONE]", "[DONE]")],
    expected: whole("12345"),
  },
  "F-71 events that say nothing": {
    script: [
      sse(
        { choices: [] },
        {},
        chunk(null),
        { choices: [{ index: 1, delta: { content: "other" } }] },
        { choices: [], usage: { prompt_tokens: 7, completion_tokens: 3 }, extra: { a: 1 } },
      ) +
        FIVE +
        END,
    ],
    expected: whole("12345"),
  },
  "F-74 keys of Object's own": {
    script: [
      `data: {"__proto__":{"x":1},"constructor":{"prototype":{"x":1}},"choices":[{"delta":{"content":"a","__proto__":{"x":1}}}]}\n\n`,
      END,
    ],
    expected: whole("a"),
  },
  "F-74 an event 100,000 deep": {
    script: [FIVE, `data: {"x":${"[".repeat(100_000)}${"]".repeat(100_000)}}\n\n`, END],
    expected: whole("12345"),
  },
  "F-75 text in parts": {
    script: [
      sse(
        chunk({
          role: "system",
          content: [
            { type: "text", text: "1" },
            { type: "text", text: "2" },
          ],
        }),
      ) + END,
    ],
    expected: whole("12"),
  },
  ...Object.fromEntries(
    (
      [
        ["negative", -1],
        ["a text", "12"],
        ["null", null],
        ["an object", {}],
      ] as const
    ).map(([kind, count]): [string, Fault] => [
      `F-76 usage that is ${kind}`,
      {
        script: [
          FIVE +
            sse(chunk({}, "stop"), {
              choices: [],
              usage: { prompt_tokens: count, completion_tokens: count },
            }) +
            sse("[DONE]"),
        ],
        expected: whole("12345"),
      },
    ]),
  ),
  "F-76 usage beyond all numbers": {
    script: [FIVE, 'data: {"choices":[],"usage":{"prompt_tokens":1e309}}\n\n', END],
    expected: whole("12345"),
  },
  "F-77 trailers": {
    script: raw(
      "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
      `${Buffer.byteLength(WELL).toString(16)};a=b\r\n${WELL}\r\n0\r\nx-trailer: 1\r\n\r\n`,
    ),
    expected: whole("well"),
  },
};

/** The client has text already. */
const afterCommit: Record<string, Fault> = {
  "F-50 RST": {
    script: [FIVE, A_MOMENT, { reset: true }],
    expected: cut("unexpected EOF"),
    everywhere: true,
  },
  "F-51 FIN inside a chunk": {
    script: [FIVE, A_MOMENT, { destroy: true }],
    expected: cut("unexpected EOF"),
    everywhere: true,
  },
  "F-51 FIN before the last chunk": {
    script: raw(
      "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
      `${Buffer.byteLength(FIVE).toString(16)}\r\n${FIVE}\r\n`,
    ),
    expected: cut("unexpected EOF"),
    everywhere: true,
  },
  "F-52 a clean end without a finish": {
    script: [FIVE],
    expected: cut("stream ended before completion"),
    everywhere: true,
  },
  "F-52 a clean end of an unframed body": {
    script: { unframed: true, steps: [FIVE] },
    expected: cut("stream ended before completion"),
    everywhere: true,
  },
  "F-55 a stall": {
    script: [FIVE, { hang: true }],
    expected: cut("no data for 0.25s"),
    everywhere: true,
    silent: true,
  },
  "F-56 only pings": { script: pinging(FIVE), expected: cut("no data for 0.5s"), silent: true },
  ...Object.fromEntries(
    Object.entries(errorEvents).map(([kind, event]): [string, Fault] => [
      `F-58 an error event ${kind}`,
      {
        script: [FIVE + event(`no memory for ${CANARY}`), { hang: true }],
        expected: cut("no memory for [redacted]"),
        everywhere: true,
      },
    ]),
  ),
  "F-59 an event of broken JSON": {
    script: [`${FIVE}data: {"choices":[{"del\n\n`, END, { hang: true }],
    expected: cut("invalid response from upstream"),
    everywhere: true,
  },
  "F-60 an HTML page": {
    script: [FIVE, "<html><body>\n<h1>502</h1>\n</body></html>\n\n", { hang: true }],
    expected: cut("invalid response from upstream"),
  },
  "F-64 one event of 8,000,001 bytes": {
    script: [FIVE, `data: ${"x".repeat(8_000_001 - 6)}`, "\n\n", { hang: true }],
    expected: cut("response stream event exceeded 8 MB limit"),
    everywhere: true,
  },
  "F-66 a line that never ends": {
    script: forever("x".repeat(65_536), FIVE, "data: "),
    expected: cut("response stream event exceeded 8 MB limit"),
  },
  "F-66 lines without a blank one": {
    script: forever(`data: ${"x".repeat(65_536)}\n`, FIVE),
    expected: cut("response stream event exceeded 8 MB limit"),
  },
  "F-67 text that never ends": {
    script: forever(sse(chunk({ content: "x".repeat(65_536) }))),
    expected: { cut: "output limit exceeded", after: "x".repeat(64 * 1024 * 1024) },
  },
  "F-72 a tool call with broken arguments": {
    script: [FIVE + sse(toolCall('{"a":'), chunk({}, "tool_calls"), "[DONE]")],
    expected: cut("invalid tool call arguments"),
  },
  "F-72 a tool call that is cut": {
    script: [FIVE + sse(toolCall('{"a":1}')), A_MOMENT, { reset: true }],
    expected: cut("unexpected EOF"),
  },
  ...Object.fromEntries(
    [1e9, -1, "0", 0.5].map((index): [string, Fault] => [
      `F-73 a tool call with index ${JSON.stringify(index)}`,
      {
        script: [FIVE + sse(toolCall("{}", index), chunk({}, "tool_calls"), "[DONE]")],
        expected: whole("12345"),
      },
    ]),
  ),
  "F-73 2,000 tool calls": {
    script: [
      FIVE +
        sse(
          ...Array.from({ length: 2_000 }, (_, index) =>
            chunk({
              tool_calls: [{ index: index % 1000, id: `c${index}`, function: { name: "f" } }],
            }),
          ),
        ),
      { hang: true },
    ],
    expected: cut("invalid response from upstream"),
  },
  "F-73 tool call arguments of 2 MiB": {
    script: [FIVE, ...Array<string>(32).fill(sse(toolCall("x".repeat(65_536)))), { hang: true }],
    expected: cut("invalid response from upstream"),
  },
  "F-74 tool call arguments 100,000 deep": {
    script: [
      FIVE +
        sse(
          toolCall(`{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`),
          chunk({}, "tool_calls"),
          "[DONE]",
        ),
    ],
    expected: cut("invalid tool call arguments"),
  },
  ...Object.fromEntries(
    (
      [
        ["a number", 5],
        ["an object", { text: "x" }],
        ["a boolean", true],
      ] as const
    ).map(([kind, content]): [string, Fault] => [
      `F-75 text that is ${kind}`,
      {
        script: [FIVE + sse(chunk({ content })), { hang: true }],
        expected: cut("invalid response from upstream"),
      },
    ]),
  ),
};

/** Plays a fault and counts how many scripts have been left: played out, or the peer has gone. */
function play({ script }: Fault): { finished: () => boolean } {
  const written: Script = isScript(script) ? script : { steps: script };
  const counts = { begun: 0, left: 0 };
  upstream.play(() => {
    counts.begun += 1;
    return { ...written, steps: counted(written.steps, () => (counts.left += 1)) };
  });
  return { finished: () => counts.begun > 0 && counts.begun === counts.left };
}

function isScript(script: Fault["script"]): script is Script {
  return "steps" in script;
}

function* counted(steps: Iterable<Step>, onLeft: () => void): Generator<Step> {
  try {
    yield* steps;
  } finally {
    onLeft();
  }
}

describe.each([
  ["5A: connecting", connecting],
  ["5B: before the first text", beforeCommit],
  ["5C: after it", afterCommit],
  ["no fault", good],
])("%s", (_, faults) => {
  const rows = Object.entries(faults).flatMap(([title, fault]) =>
    Object.entries(fronts)
      .filter(([name]) => name === "chat" || fault.everywhere === true)
      .map(([name, front]) => ({ title: `${title} (${name})`, fault, front })),
  );
  test.each(rows)("$title", async ({ fault, front }) => {
    const target = fault.silent === true ? hasty : proxy;
    const played = play(fault);
    const answer = await ask(target.url, front);
    front.check(answer, fault.expected);
    await until("the connection to the backend is closed or idle", played.finished);

    upstream.play({ steps: [WELL] });
    fronts.chat.check(await ask(target.url, fronts.chat), whole("well"));
    const seen = JSON.stringify([answer.body, [...answer.headers], target.logs]);
    expect(seen).not.toContain("CANARY");
    expect(target.logs.filter(({ level }) => level === "error")).toEqual([]);
  });
});

describe("/v1 in one piece", () => {
  const document =
    '{ "object": "chat.completion",\n"choices": [{"message":{"content":"\\u0041"}}] }';

  async function askWhole(script: Script) {
    upstream.play(script);
    const answer = await fetch(`${proxy.url}/v1/chat/completions`, {
      method: "POST",
      body: JSON.stringify({ model: "m", messages: [] }),
    });
    return { status: answer.status, body: await answer.text() };
  }

  test("passes the backend's own bytes on", async () => {
    const script = {
      headers: { "content-type": "application/json" },
      steps: inPieces(document, 7),
    };
    expect(await askWhole(script)).toEqual({ status: 200, body: document });
  });

  test("F-40: joins a stream although none was asked", async () => {
    const { status, body } = await askWhole({ steps: [FIVE + END] });
    expect(JSON.parse(body)).toMatchObject({
      object: "chat.completion",
      choices: [{ message: { role: "assistant", content: "12345" }, finish_reason: "stop" }],
    });
    expect(status).toBe(200);
  });

  test.each<[string, Script]>([
    ["F-50 RST", { steps: [document.slice(0, 20), A_MOMENT, { reset: true }] }],
    ["F-52 half of it", { steps: [document.slice(0, 20)] }],
    ["F-52 a stream without a finish", { steps: [FIVE] }],
    ["F-36 nothing", { steps: [] }],
    ["text", { steps: ["hello"] }],
    ["a list", { steps: ["[]"] }],
  ])("%s is no answer", async (_, script) => {
    const { status, body } = await askWhole(script);
    expect(JSON.parse(body)).toMatchObject({
      error: { message: 'upstream "a" returned an invalid response', type: "api_error" },
    });
    expect(status).toBe(502);
  });
});

test("F-33: a redirect is not followed", () => {
  expect([...elsewhere.requests, ...elsewhere.lookups]).toEqual([]);
});

test("F-37: an error before the first text is never a stream", async () => {
  upstream.play({ steps: [sse({ error: { message: "no" } })] });
  const answer = await ask(proxy.url, fronts.chat);
  expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
});

test("F-44: the backend's headers stay here", async () => {
  const odd = {
    "set-cookie": "a=b",
    "access-control-allow-origin": "*",
    "strict-transport-security": "max-age=1",
    server: "x",
    ...Object.fromEntries(Array.from({ length: 90 }, (_, index) => [`x-ratelimit-${index}`, "1"])),
  };
  for (const [status, name] of [
    [200, "chat"],
    [200, "whole"],
    [200, "openai"],
    [500, "chat"],
  ] as const) {
    upstream.play({
      status,
      headers: { ...odd, "content-type": "text/event-stream" },
      steps: [WELL],
    });
    const { headers } = await ask(proxy.url, fronts[name]);
    expect([...headers.keys()].filter((header) => header in odd)).toEqual([]);
  }
});

test("F-72: no half of a tool call is told", async () => {
  upstream.play({ steps: [FIVE + sse(toolCall('{"a":1}')), A_MOMENT, { reset: true }] });
  const lines = parseNdjson((await ask(proxy.url, fronts.chat)).body);
  expect(lines.filter(({ message: said }) => isObject(said) && "tool_calls" in said)).toEqual([]);
});

test.each<Step>([{ end: true }, { reset: true }])(
  "F-07: a kept connection that the backend has closed is replaced, once: %o",
  async (closing) => {
    upstream.play({ steps: [WELL] });
    fronts.chat.check(await ask(proxy.url, fronts.chat), whole("well"));
    const scripts: Script[] = [raw(closing), { steps: [WELL] }];
    upstream.play(() => scripts.shift() ?? message(500, "asked too often"));
    fronts.chat.check(await ask(proxy.url, fronts.chat), whole("well"));
    expect(scripts).toEqual([]);
  },
);

describe("a backend that is no HTTP server at all", () => {
  /** A backend that does this with each connection, and the proxy in front of it. */
  async function inFrontOf(onConnection: ((socket: Socket) => void) | undefined) {
    const server = createServer(onConnection);
    const port = await new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address();
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
    if (onConnection === undefined) await closed(server);
    const started = await startProxy({
      config: {
        upstreams: [
          { id: "a", base_url: `http://127.0.0.1:${port}/v1`, api_key: CANARY, models: ["m"] },
        ],
      },
    });
    return {
      url: started.url,
      close: async () => {
        await started.close();
        if (onConnection !== undefined) await closed(server);
      },
    };
  }

  function closed(server: Server): Promise<void> {
    return new Promise((resolve) => {
      server.close(() => resolve());
    });
  }

  test.each(Object.entries(fronts))("F-01: its port is closed (%s)", async (_, front) => {
    const started = await inFrontOf(undefined);
    front.check(await ask(started.url, front), unreachable);
    await started.close();
  });

  test("F-04: it resets the connection before it reads", async () => {
    const started = await inFrontOf((socket) => socket.resetAndDestroy());
    fronts.chat.check(await ask(started.url, fronts.chat), unreachable);
    await started.close();
  });
});
