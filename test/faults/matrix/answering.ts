import { contextOverflow } from "../../../src/errors.ts";
import { chunk, json, sse, type Script } from "../../support/scripted-upstream.ts";
import {
  A_MOMENT,
  CANARY,
  errorEvents,
  events,
  FIVE,
  END,
  forever,
  html,
  message,
  raw,
} from "./backend-scripts.ts";
import { onConnection, scripted, type Backend } from "./backends.ts";
import {
  ambiguous,
  broken,
  blameless,
  elsewhere,
  invalid,
  keyless,
  late,
  limited,
  refused,
  rejected,
  rows,
  safe,
  whole,
  type Faults,
} from "./fault.ts";
import { everyText, everywhere } from "./fronts.ts";

/** It redirects to a place where nobody may ever come. */
async function redirecting(status: number): Promise<Backend> {
  const visits: string[] = [];
  const other = await onConnection((socket) => {
    visits.push("connected");
    socket.destroy();
  });
  const location = `${other.baseUrl}/chat/completions`;
  const here = await scripted({ status, headers: { location }, steps: [] });
  return {
    ...here,
    close: async () => {
      await Promise.all([here.close(), other.close()]);
      if (visits.length > 0) throw new Error("the redirect was followed");
    },
  };
}

const unusable = { expected: invalid, verdict: safe };
const unclear = { expected: invalid, verdict: ambiguous };

const failures: Faults = {
  "F-20 500": {
    backend: message(500, "boom"),
    expected: refused(500, "boom"),
    verdict: ambiguous,
    fronts: everywhere,
  },
  ...rows(
    [
      [502, "Bad Gateway", safe],
      [503, "Service Unavailable", safe],
      [504, "Gateway Timeout", ambiguous],
    ] as const,
    ([status, text, verdict]) => [
      `F-21 ${status} with an HTML page`,
      {
        backend: html(status, text),
        expected: refused(status, `upstream "a" returned ${status} ${text}`),
        verdict,
        fronts: everywhere,
      },
    ],
  ),
  "F-22 503 with Retry-After": {
    backend: message(503, "busy", { "retry-after": "7" }),
    expected: refused(503, "busy", "7"),
    verdict: { ...safe, rests: 7 },
    fronts: everywhere,
  },
  "F-23 529": {
    backend: message(529, "Overloaded"),
    expected: refused(503, "Overloaded"),
    verdict: safe,
    fronts: everywhere,
  },
  "F-32 408": { backend: message(408, "too slow"), expected: late, verdict: safe },
};

const limits: Faults = {
  "F-24 429 with Retry-After": {
    backend: message(429, "slow down", { "retry-after": "2" }),
    expected: refused(429, "slow down", "2"),
    verdict: limited(2),
    fronts: everywhere,
  },
  ...rows(
    [
      ["-5", 1],
      ["1e9", 5],
      ["999999999", 300],
      ["abc", 5],
      ["1.5", 2],
      ["Wed, 21 Oct 2015 07:28:00 GMT", 1],
      ["Fri, 01 Jan 2100 00:00:00 GMT", 300],
    ] as const,
    ([given, seconds]) => [
      `F-25 429 with Retry-After: ${given}`,
      {
        backend: message(429, "slow down", { "retry-after": given }),
        expected: refused(429, "slow down", String(seconds)),
        verdict: limited(seconds),
      },
    ],
  ),
  "F-25 429 without Retry-After": {
    backend: message(429, "slow down"),
    expected: refused(429, "slow down", "5"),
    verdict: limited(5),
  },
  "F-26 insufficient_quota": {
    backend: json(429, {
      error: { message: "You exceeded your quota", code: "insufficient_quota" },
    }),
    expected: refused(429, "You exceeded your quota", "5"),
    verdict: { ...limited(60), alarm: true },
  },
};

const keys: Faults = {
  ...rows([401, 403], (status) => [
    `F-27 ${status} that repeats the key`,
    {
      backend: message(status, `Incorrect API key provided: ${CANARY}-a`),
      expected: rejected,
      verdict: keyless,
      fronts: everywhere,
    },
  ]),
  "F-27 a key in another error": {
    backend: message(500, `no luck with ${CANARY}-a, nor with sk-other-1234 or Bearer abc.def`),
    expected: refused(500, "no luck with [redacted], nor with [redacted] or Bearer [redacted]"),
    verdict: ambiguous,
    fronts: everywhere,
  },
  "F-28 402": { backend: message(402, "pay"), expected: rejected, verdict: keyless },
  "F-28 407": { backend: message(407, "proxy"), expected: rejected, verdict: keyless },
};

const refusals: Faults = {
  "F-29 404 model_not_found": {
    backend: json(404, {
      error: { message: "The model `m` does not exist", code: "model_not_found" },
    }),
    expected: {
      refused: 404,
      error: "model 'm' not found",
      embedError: 'model "m" not found, try pulling it first',
    },
    verdict: elsewhere,
    fronts: everywhere,
  },
  "F-29 404 of a wrong address": {
    backend: json(404, { detail: "Not Found" }),
    expected: refused(502, 'upstream "a" has no such route; check its base_url'),
    verdict: elsewhere,
  },
  "F-30 context_length_exceeded": {
    backend: json(400, {
      error: { message: "maximum context length is 8192", code: "context_length_exceeded" },
    }),
    expected: {
      refused: 400,
      error: contextOverflow().message,
      openaiError: "maximum context length is 8192",
    },
    verdict: blameless,
    fronts: everyText,
    decided: "Ollama's own text on its routes: 0013",
  },
  ...rows([413, 415, 422, 451], (status) => [
    `F-31 ${status}`,
    {
      backend: message(status, `no: ${status}`),
      expected: refused(status, `no: ${status}`),
      verdict: blameless,
      fronts: everywhere,
    },
  ]),
  ...rows([301, 302, 303, 307, 308], (status) => [
    `F-33 ${status} to another place`,
    { backend: () => redirecting(status), ...unusable },
  ]),
};

/** A success by its status, and none by its body. */
const pretences: Faults = {
  "F-34 200 with a JSON error": {
    backend: json(200, { error: { code: 503, message: "x" } }),
    expected: refused(503, "x"),
    verdict: safe,
    fronts: everywhere,
  },
  "F-34 200 with a JSON error of no status": {
    backend: json(200, { error: { code: "oops", message: "x" } }),
    expected: refused(502, "x"),
    verdict: safe,
    fronts: everywhere,
  },
  "F-34 200 with a JSON error about the key": {
    backend: json(200, { error: { code: 401, message: `bad key ${CANARY}-a` } }),
    expected: rejected,
    verdict: keyless,
    fronts: everywhere,
  },
  "F-34 200 with a JSON error of 529": {
    backend: json(200, { error: { code: 529, message: "Overloaded" } }),
    expected: refused(503, "Overloaded"),
    verdict: safe,
  },
  "F-35 200 text/html": { backend: html(200, "OK"), ...unusable },
  "F-35 200 text/html that never ends": {
    backend: {
      headers: { "content-type": "text/html; charset=utf-8" },
      steps: ["<p>", { hang: true }],
    },
    ...unusable,
  },
  "F-35 200 with an HTML page as events": {
    backend: events("<html>", "</html>"),
    ...unclear,
    decided: "class B: what says that it streams events may have worked",
  },
  "F-36 200 with an empty body": { backend: events(), ...unclear, fronts: everywhere },
  "F-36 204": { backend: raw("HTTP/1.1 204 No Content\r\n\r\n"), ...unclear, fronts: everywhere },
  ...rows(Object.entries(errorEvents), ([kind, event]) => [
    `F-37 an error event ${kind}`,
    {
      backend: events(event("no memory", 503), { hang: true }),
      expected: refused(503, "no memory"),
      verdict: safe,
      fronts: everyText,
    },
  ]),
  "F-37 an error event without a status": {
    backend: events(sse({ error: { message: "no memory" } }), { hang: true }),
    expected: refused(502, "no memory"),
    verdict: safe,
    fronts: everyText,
  },
  "F-37 an error event of 429": {
    backend: events(sse({ error: { message: "slow down", code: 429 } }), { hang: true }),
    expected: refused(429, "slow down", "5"),
    verdict: limited(5),
  },
  "F-37 an error event of 400": {
    backend: events(sse({ error: { message: "not like this", code: 400 } }), { hang: true }),
    expected: refused(400, "not like this"),
    verdict: blameless,
  },
  "F-37 an error event where vectors were asked for": {
    backend: events(sse({ error: { message: "no memory", code: 503 } })),
    expected: invalid,
    verdict: broken,
    fronts: ["embed"],
  },
  "F-38 only a role, then RST": {
    backend: events(sse(chunk({ role: "assistant", content: "" })), A_MOMENT, { reset: true }),
    ...unclear,
    fronts: everyText,
  },
};

/** Not what was asked for, but all there. */
const forms: Faults = {
  "F-39 JSON although a stream was asked": {
    backend: json(200, {
      object: "chat.completion",
      choices: [{ index: 0, message: { content: "hello" }, finish_reason: "length" }],
    }),
    expected: whole("hello", "length"),
    verdict: blameless,
    fronts: everyText,
  },
  "F-40 a stream although none was asked": {
    backend: events(FIVE + END),
    expected: whole("12345"),
    verdict: blameless,
    fronts: ["whole", "openai whole"],
  },
  "F-40 a stream where vectors were asked for": {
    backend: events(FIVE + END),
    expected: invalid,
    verdict: broken,
    fronts: ["embed"],
    decided: "no vectors can be made of text",
  },
};

/** A body in this encoding; whatever it is, it never ends. */
function encoded(encoding: string): Script {
  return {
    headers: { "content-type": "text/event-stream", "content-encoding": encoding },
    steps: forever(Buffer.alloc(65_536)),
  };
}

const bodies: Faults = {
  ...rows(["gzip", Array(20).fill("gzip").join(", "), "br", "unheard-of"], (encoding) => [
    `F-41 a body in ${encoding.slice(0, 12)}`,
    {
      backend: encoded(encoding),
      ...unclear,
      decided: "class B: it said that all went well",
    },
  ]),
  "F-42 an error whose body never ends": {
    backend: {
      status: 500,
      headers: { "content-type": "text/plain" },
      steps: forever("x".repeat(8192)),
    },
    expected: refused(500, `${"x".repeat(1023)}…`),
    verdict: ambiguous,
  },
  "F-42 an error whose body never comes": {
    backend: raw("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 99\r\n\r\nno", {
      hang: true,
    }),
    expected: refused(500, "no"),
    verdict: ambiguous,
  },
  "F-43 an error that is cut": {
    backend: { status: 400, steps: ["bad", A_MOMENT, { reset: true }] },
    expected: refused(400, "bad"),
    verdict: blameless,
  },
  ...rows(
    [
      ["of invalid UTF-8", Buffer.from([98, 0xff, 97]), "b\uFFFDa"],
      ["with line ends and colours", "a\r\nb \u001B[31mred\u001B[0m", "a b red"],
      ["in a JSON text", JSON.stringify(JSON.stringify({ error: "deep" })), "deep"],
      ["in a text in an object", JSON.stringify({ error: '{"message":"deep"}' }), "deep"],
      ["that is a number", "42", 'upstream "a" returned 400 Scripted'],
      ["that is empty", "", 'upstream "a" returned 400 Scripted'],
      ["of 60 KB", "y".repeat(60_000), `${"y".repeat(1023)}…`],
      ["of 1 MB", "y".repeat(1_000_000), `${"y".repeat(1023)}…`],
      ["of HTML", "<html><h1>no</h1></html>", 'upstream "a" returned 400 Scripted'],
      ["of FastAPI", '{"detail":[{"loc":["body","n"],"msg":"too big"}]}', "body.n: too big"],
    ] as const,
    ([kind, body, error]) => [
      `F-43 an error ${kind}`,
      {
        backend: { status: 400, steps: [body] },
        expected: refused(400, error),
        verdict: blameless,
      },
    ],
  ),
};

/** 5B: status and headers came, the client has nothing yet. */
export const answering: Faults = {
  ...failures,
  ...limits,
  ...keys,
  ...refusals,
  ...pretences,
  ...forms,
  ...bodies,
};
