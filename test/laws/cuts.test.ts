import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkStream, parseNdjson } from "../support/ndjson.ts";
import { fixtures, readings } from "./fixtures.ts";
import { anyPieces, piecesOf, twoPieces } from "./pieces.ts";
import { toNdjson, translate } from "./translate.ts";

describe.each(fixtures)("$name", ({ bytes, expected, reading }) => {
  test("becomes the expected lines", () => {
    expect(toNdjson(translate([bytes], reading))).toBe(expected);
  });

  test("is a well-formed answer with exactly one end, or one error", () => {
    const { lines, error } = translate([bytes], reading);
    if (error === undefined) checkStream(parseNdjson(expected), "chat");
    else expect(parseNdjson(expected)).toEqual([{ error: error.message }]);
    expect(lines.filter((line) => line.done)).toHaveLength(error === undefined ? 1 : 0);
  });

  test("means the same however its bytes are cut", () => {
    const different = [...twoPieces(bytes)]
      .filter((pieces) => toNdjson(translate(pieces, reading)) !== expected)
      .map(([first]) => first.length);
    expect(different).toEqual([]);
    expect(toNdjson(translate(piecesOf(bytes, 1), reading))).toBe(expected);
    fc.assert(
      fc.property(anyPieces(bytes), (pieces) => {
        expect(toNdjson(translate(pieces, reading))).toBe(expected);
      }),
      { numRuns: 50 },
    );
  });
});

test("there are fixtures, and each is one of its own kind", () => {
  expect(fixtures.length).toBeGreaterThan(110);
  expect(new Set(fixtures.map(({ bytes }) => bytes.toString("latin1"))).size).toBe(fixtures.length);
  expect(fixtures.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(readings)));
});
