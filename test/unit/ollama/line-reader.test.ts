import { describe, expect, test } from "vitest";
import { LineReader } from "../../../src/ollama/line-reader.ts";

function read(...pieces: (string | Buffer)[]): string[] {
  const reader = new LineReader();
  const lines = pieces.flatMap((piece) => reader.push(Buffer.from(piece)));
  return [...lines, ...reader.end()];
}

describe("lines", () => {
  test.each<[string[], string[]]>([
    [[], []],
    [[""], []],
    [["{}"], ["{}"]],
    [["{}\n"], ["{}"]],
    [["{}\r\n\n \n[]\n"], ["{}", "[]"]],
    [
      ["{", "}", "\n", "[]"],
      ["{}", "[]"],
    ],
  ])("of %j are %j", (pieces, lines) => {
    expect(read(...pieces)).toEqual(lines);
  });

  test("are the same wherever the bytes are cut", () => {
    const bytes = Buffer.from('{"a":"é€😀"}\n\n{"b":"\u2028"}\r\nlast');
    const whole = read(bytes);
    expect(whole).toEqual(['{"a":"é€😀"}', '{"b":"\u2028"}', "last"]);
    for (let at = 0; at <= bytes.length; at += 1) {
      expect(read(bytes.subarray(0, at), bytes.subarray(at))).toEqual(whole);
    }
    expect(read(...Array.from(bytes, (byte) => Buffer.of(byte)))).toEqual(whole);
  });

  test("are refused when they are too large", () => {
    const reader = new LineReader();
    expect(reader.push(Buffer.from(`${"x".repeat(7_999_999)}\n`))).toHaveLength(1);
    reader.push(Buffer.alloc(8_000_000, "x"));
    expect(() => reader.push(Buffer.from("x"))).toThrow("exceeded 8 MB limit");
  });
});
