import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toJsonText } from "../../../src/server/json-text.ts";

describe("JSON text", () => {
  test.each([
    ["U+2028", "a\u2028b", String.raw`"a\u2028b"`],
    ["U+2029", "a\u2029b", String.raw`"a\u2029b"`],
    ["U+0085", "a\u0085b", String.raw`"a\u0085b"`],
    ["a line feed", "a\nb", String.raw`"a\nb"`],
  ])("never has %s in it, which some clients take for a line's end", (_, value, text) => {
    expect(toJsonText(value)).toBe(text);
    expect(JSON.parse(toJsonText(value))).toBe(value);
  });

  test("has them escaped in keys too", () => {
    expect(toJsonText({ "\u2028": 1 })).toBe(String.raw`{"\u2028":1}`);
  });

  test.each([
    ["a first half", "a\ud83db", "a\uFFFDb"],
    ["a second half", "\udc00", "\uFFFD"],
    ["halves the wrong way round", "\udc00\ud83d", "\uFFFD\uFFFD"],
    ["a half after a backslash", "\\\ud83d", "\\\uFFFD"],
  ])("has U+FFFD for %s of a pair", (_, value, told) => {
    expect(JSON.parse(toJsonText(value))).toBe(told);
    expect(toJsonText({ deep: [value] })).not.toMatch(/\\ud/u);
    expect(JSON.parse(toJsonText({ [value]: 1 }))).toEqual({ [told]: 1 });
  });

  test.each(["\\ud800", "\\\\ud800", "\\u2028", "😀", "\\"])("leaves %s as it is", (value) => {
    expect(JSON.parse(toJsonText({ [value]: value }))).toEqual({ [value]: value });
  });

  test("is one line and means the same, for any value", () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: "binary" }), (value) => {
        const text = toJsonText(value);
        expect(text).not.toMatch(/[\n\r\u0085\u2028\u2029]/u);
        expect(text.isWellFormed()).toBe(true);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});
