import { createParser } from "eventsource-parser";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  ServerSentEventReader,
  type ServerSentEvent,
} from "../../src/openai/server-sent-events.ts";
import { fixtures } from "./fixtures.ts";
import { anyPieces, twoPieces } from "./pieces.ts";

/** What the standard knows nothing of and backends send all the same. */
const beyondTheStandard = new Set(["error-field-llamacpp", "error-html"]);

const standard = fixtures.filter(
  ({ name, bytes }) => !beyondTheStandard.has(name) && !/^\s*[[{]/u.test(bytes.toString()),
);

function read(pieces: Iterable<Buffer>): ServerSentEvent[] {
  const reader = new ServerSentEventReader();
  const events = [...pieces].flatMap((piece) => reader.push(piece));
  return [...events, ...reader.end()];
}

/** A parser that others wrote. It drops an event without its blank line, so it gets one. */
function readByOracle(bytes: Buffer): ServerSentEvent[] {
  const events: ServerSentEvent[] = [];
  const parser = createParser({
    onEvent: ({ event = "", data }) => events.push({ name: event, data }),
  });
  parser.feed(`${new TextDecoder().decode(bytes)}\n\n`);
  return events;
}

const text = fc
  .string({ unit: "binary", maxLength: 12 })
  .map((value) => value.replace(/[\r\n]/gu, "~"));
const field = fc.constantFrom("data", "data", "data", "event", "id", "retry", "else");
const line = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(field, fc.constantFrom(":", ": ", ":  "), text)
      .map((parts) => parts.join("")),
  },
  { weight: 3, arbitrary: fc.constant("") },
  { weight: 1, arbitrary: text.map((comment) => `:${comment}`) },
  { weight: 1, arbitrary: fc.constantFrom("data", "event", "id", " data: x") },
);
const lineEnd = fc.constantFrom("\n", "\r\n", "\r");
const stream = fc
  .tuple(fc.constantFrom("", "\uFEFF"), fc.array(fc.tuple(line, lineEnd), { maxLength: 30 }), line)
  .map(([mark, lines, last]) => Buffer.from(mark + lines.flat().join("") + last));

describe("our reader and eventsource-parser agree", () => {
  test.each(standard)("on $name, cut anywhere", ({ bytes }) => {
    const expected = readByOracle(bytes);
    for (const pieces of twoPieces(bytes)) expect(read(pieces)).toEqual(expected);
  });

  test("on any valid stream, cut anywhere", () => {
    const cut = stream.chain((bytes) => fc.tuple(fc.constant(bytes), anyPieces(bytes)));
    fc.assert(
      fc.property(cut, ([bytes, pieces]) => {
        expect(read(pieces)).toEqual(readByOracle(bytes));
      }),
      { numRuns: 3_000 },
    );
  });
});
