import { assert, property, string } from "fast-check";
import { expect, test } from "vitest";
import { cutAtStop, splitIntoPieces } from "../../src/demo/pieces.ts";

test("a text is split into words, each with the space before it, and punctuation", () => {
  expect(splitIntoPieces(' Hi, "Zoë"!\n')).toEqual([" Hi", ",", ' "', "Zoë", '"!', "\n"]);
  expect(splitIntoPieces("x".repeat(30))).toEqual(["x".repeat(24), "x".repeat(6)]);
});

test("the pieces of a text, joined, are the text", () => {
  assert(
    property(string({ unit: "binary" }), (text) => {
      const pieces = splitIntoPieces(text);
      expect(pieces.join("")).toBe(text);
      expect(pieces).not.toContain("");
    }),
  );
});

test.for<[stop: string[], kept: string]>([
  [[], "one two three"],
  [["four"], "one two three"],
  [["three", "two"], "one "],
  [["one"], ""],
  [[""], "one two three"],
])("%j keeps %j", ([stop, kept]) => {
  expect(cutAtStop("one two three", stop)).toBe(kept);
});
