import { chunk, sse } from "../../support/scripted-upstream.ts";
import {
  A_MOMENT,
  CANARY,
  END,
  errorEvents,
  events,
  FIVE,
  forever,
  inPieces,
  pinging,
  raw,
  toolCall,
} from "./backend-scripts.ts";
import { blameless, broken, cut, hasty, rows, whole, type Fault, type Faults } from "./fault.ts";
import { everyText } from "./fronts.ts";

const CHUNKED =
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const hang = { hang: true } as const;

/** One chunk of a body, with what may follow its size. */
function framed(text: string, extension = ""): string {
  return `${Buffer.byteLength(text).toString(16)}${extension}\r\n${text}\r\n`;
}

/** The five tokens, then an end with this reason. */
function breaks(reason: string, backend: Fault["backend"]): Fault {
  return { backend, expected: cut(reason), verdict: broken };
}

function breaksEverywhere(reason: string, backend: Fault["backend"]): Fault {
  return { ...breaks(reason, backend), fronts: everyText };
}

const EOF = "unexpected EOF";
const INVALID = "invalid response from upstream";
const TOO_LONG = "response stream event exceeded 8 MB limit";

const cuts: Faults = {
  "F-50 RST": breaksEverywhere(EOF, events(FIVE, A_MOMENT, { reset: true })),
  "F-51 FIN inside a chunk": breaksEverywhere(EOF, events(FIVE, A_MOMENT, { destroy: true })),
  "F-51 FIN before the last chunk": breaksEverywhere(EOF, raw(CHUNKED, framed(FIVE))),
  "F-52 a clean end without a finish": breaksEverywhere(
    "stream ended before completion",
    events(FIVE),
  ),
  "F-52 a clean end of an unframed body": breaksEverywhere("stream ended before completion", {
    unframed: true,
    steps: [FIVE],
  }),
  "F-55 a stall": { ...breaksEverywhere("no data for 0.3s", events(FIVE, hang)), timeouts: hasty },
  "F-56 only pings": {
    ...breaks("no data for 0.6s", { steps: pinging(FIVE) }),
    timeouts: hasty,
  },
  "F-57 a dead line": {
    ...breaks("no data for 0.3s", raw(CHUNKED, framed(FIVE), hang)),
    timeouts: hasty,
    decided:
      "played as a connection on which nothing comes: the proxy, which sends nothing either, sees no more of a dead line",
  },
};

const nonsense: Faults = {
  ...rows(Object.entries(errorEvents), ([kind, event]) => [
    `F-58 an error event ${kind}`,
    breaksEverywhere(
      "no memory for [redacted]",
      events(FIVE + event(`no memory for ${CANARY}-a`, 503), hang),
    ),
  ]),
  "F-58 an error event without a status": breaks(
    "no memory",
    events(FIVE + sse({ error: { message: "no memory" } }), hang),
  ),
  "F-58 an error event of 400": {
    ...breaks("too much", events(FIVE + sse({ error: { message: "too much", code: 400 } }), hang)),
    verdict: blameless,
  },
  "F-59 an event of broken JSON": breaksEverywhere(
    INVALID,
    events(`${FIVE}data: {"choices":[{"del\n\n`, END, hang),
  ),
  "F-60 an HTML page": breaks(
    INVALID,
    events(FIVE, "<html><body>\n<h1>502</h1>\n</body></html>\n\n", hang),
  ),
  "F-64 one event of 8,000,001 bytes": breaksEverywhere(
    TOO_LONG,
    events(FIVE, `data: ${"x".repeat(8_000_001 - 6)}`, "\n\n", hang),
  ),
  "F-66 a line that never ends": breaks(TOO_LONG, {
    steps: forever("x".repeat(65_536), FIVE, "data: "),
  }),
  "F-66 lines without a blank one": breaks(TOO_LONG, {
    steps: forever(`data: ${"x".repeat(65_536)}\n`, FIVE),
  }),
  "F-67 text that never ends": {
    backend: { steps: forever(sse(chunk({ content: "x".repeat(65_536) }))) },
    expected: { cut: "output limit exceeded", after: "x".repeat(64 * 1024 * 1024) },
    verdict: broken,
  },
  ...rows(
    [
      ["a number", 5],
      ["an object", { text: "x" }],
      ["a boolean", true],
    ] as const,
    ([kind, content]) => [
      `F-75 text that is ${kind}`,
      breaks(INVALID, events(FIVE + sse(chunk({ content })), hang)),
    ],
  ),
};

const calls: Faults = {
  "F-72 a tool call with broken arguments": breaks(
    "invalid tool call arguments",
    events(FIVE + sse(toolCall('{"a":'), chunk({}, "tool_calls"), "[DONE]")),
  ),
  "F-72 a tool call that is cut": breaks(
    EOF,
    events(FIVE + sse(toolCall('{"a":1}')), A_MOMENT, { reset: true }),
  ),
  ...rows([1e9, -1, "0", 0.5], (index) => [
    `F-73 a tool call with index ${JSON.stringify(index)}`,
    {
      backend: events(FIVE + sse(toolCall("{}", index), chunk({}, "tool_calls"), "[DONE]")),
      expected: { text: "12345", calls: ["f"] },
      verdict: blameless,
      decided: "read leniently: 0013",
    },
  ]),
  "F-73 2,000 tool calls": breaks(
    INVALID,
    events(
      FIVE +
        sse(
          ...Array.from({ length: 2_000 }, (_, index) =>
            chunk({
              tool_calls: [{ index: index % 1000, id: `c${index}`, function: { name: "f" } }],
            }),
          ),
        ),
      hang,
    ),
  ),
  "F-73 tool call arguments of 2 MiB": breaks(
    INVALID,
    events(FIVE, ...Array<string>(32).fill(sse(toolCall("x".repeat(65_536)))), hang),
  ),
  "F-74 tool call arguments 100,000 deep": breaks(
    "invalid tool call arguments",
    events(
      FIVE +
        sse(
          toolCall(`{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`),
          chunk({}, "tool_calls"),
          "[DONE]",
        ),
    ),
  ),
};

/** What is odd, and yet whole. */
function fine(backend: Fault["backend"], text = "12345"): Fault {
  return { backend, expected: whole(text), verdict: blameless };
}

function fineEverywhere(backend: Fault["backend"]): Fault {
  return { ...fine(backend), fronts: everyText };
}

const ends: Faults = {
  "F-50 RST after the finish": fineEverywhere(
    events(FIVE + sse(chunk({}, "stop")), A_MOMENT, { reset: true }),
  ),
  "F-53 [DONE] without a finish": fineEverywhere(events(FIVE + sse("[DONE]"))),
  "F-54 a finish, then nothing": fineEverywhere(events(FIVE + sse(chunk({}, "stop")), hang)),
  "F-54 a finish, then pings for ever": fine({ steps: pinging(FIVE + sse(chunk({}, "stop"))) }),
  "F-54 [DONE], then nothing": fineEverywhere(events(FIVE + END, hang)),
  "F-54 [DONE], then pings for ever": fine({ steps: pinging(FIVE + END) }),
  "F-70 two finishes and text after them": fine(
    events(FIVE + sse(chunk({}, "stop"), chunk({ content: "6" }, "length"), "[DONE]", "[DONE]")),
  ),
};

const characters: Faults = {
  "F-61 invalid UTF-8 in the text": fine(
    events(
      Buffer.concat([
        Buffer.from('data: {"choices":[{"delta":{"content":"a'),
        Buffer.from([0xff]),
        Buffer.from('b"}}]}\n\n'),
      ]),
      END,
    ),
    "a\uFFFDb",
  ),
  ...rows([1, 2, 3], (at) => {
    const bytes = Buffer.from(sse(chunk({ content: "😀" })));
    const split = bytes.indexOf(0xf0) + at;
    return [
      `F-62 an emoji cut at byte ${at}`,
      fine(events(bytes.subarray(0, split), { wait: 10 }, bytes.subarray(split), END), "😀"),
    ];
  }),
  "F-63 an emoji in two events": fine(
    events(sse(chunk({ content: "a\ud83d" }), chunk({ content: "\ude00b" })), END),
    "a😀b",
  ),
  "F-63 half an emoji at the end": fine(events(sse(chunk({ content: "a\ud83d" })), END), "a\uFFFD"),
};

const oddities: Faults = {
  "F-65 one event of 7.9 MB in small pieces": fine(
    { steps: inPieces(sse(chunk({ content: "x".repeat(7_900_000) })) + END, 1_460) },
    "x".repeat(7_900_000),
  ),
  "F-68 one byte at a time": fine({ steps: inPieces(FIVE + END, 1) }),
  ...rows(
    [
      ["CR", FIVE.replaceAll("\n", "\r") + END],
      ["CRLF", FIVE.replaceAll("\n", "\r\n") + END],
      ["a BOM", `\uFEFF${FIVE}${END}`],
      ["no space after the colon", (FIVE + END).replaceAll("data: ", "data:")],
      ["other fields", `id: 1\nretry: 9\nevent: message\n${FIVE}${END}`],
      ["data in several lines", FIVE.replaceAll('"choices"', '\ndata: "choices"') + END],
      ["comments between", FIVE.replaceAll("\n\n", "\n\n: ping\n\n:\n\n") + END],
    ] as const,
    ([kind, text]) => [`F-69 ${kind}`, fine(events(text))],
  ),
  "F-71 events that say nothing": fine(
    events(
      sse(
        { choices: [] },
        {},
        chunk(null),
        { choices: [{ index: 1, delta: { content: "other" } }] },
        { choices: [], usage: { prompt_tokens: 7, completion_tokens: 3 }, extra: { a: 1 } },
      ) +
        FIVE +
        END,
    ),
  ),
  "F-74 keys of Object's own": fine(
    events(
      `data: {"__proto__":{"x":1},"constructor":{"prototype":{"x":1}},"choices":[{"delta":{"content":"a","__proto__":{"x":1}}}]}\n\n`,
      END,
    ),
    "a",
  ),
  "F-74 an event 100,000 deep": fine(
    events(FIVE, `data: {"x":${"[".repeat(100_000)}${"]".repeat(100_000)}}\n\n`, END),
  ),
  "F-75 text in parts": fine(
    events(
      sse(
        chunk({
          role: "system",
          content: [
            { type: "text", text: "1" },
            { type: "text", text: "2" },
          ],
        }),
      ) + END,
    ),
    "12",
  ),
  ...rows(
    [
      ["negative", -1],
      ["a text", "12"],
      ["null", null],
      ["an object", {}],
    ] as const,
    ([kind, count]) => [
      `F-76 usage that is ${kind}`,
      fine(
        events(
          FIVE +
            sse(
              chunk({}, "stop"),
              { choices: [], usage: { prompt_tokens: count, completion_tokens: count } },
              "[DONE]",
            ),
        ),
      ),
    ],
  ),
  "F-76 usage beyond all numbers": fine(
    events(FIVE, 'data: {"choices":[],"usage":{"prompt_tokens":1e309}}\n\n', END),
  ),
  "F-77 a chunk extension of 1 MB": {
    ...fine(raw(CHUNKED, framed(FIVE), framed(END, `;x=${"y".repeat(1_000_000)}`), "0\r\n\r\n")),
    decided: "the parser skips what it does not keep: nothing is gained by a limit",
  },
  "F-77 trailers": fine(raw(CHUNKED, `${framed(FIVE + END, ";a=b")}0\r\nx-trailer: 1\r\n\r\n`)),
};

/** 5C: the client has text already. */
export const streaming: Faults = {
  ...cuts,
  ...nonsense,
  ...calls,
  ...ends,
  ...characters,
  ...oddities,
};
