import { describe, expect, test } from "vitest";
import { parseGoDuration, parseKeepAlive } from "../../../src/ollama/duration.ts";

describe("Go's duration text", () => {
  test.each([
    ["0", 0],
    ["5m", 300_000],
    ["1h30m", 5_400_000],
    ["1h2m3s4ms", 3_723_004],
    ["500ms", 500],
    ["1.5h", 5_400_000],
    [".5s", 500],
    ["5.s", 5_000],
    ["+5m", 300_000],
    ["-1s", -1_000],
    ["8192s", 8_192_000],
    ["1000us", 1],
    ["1000µs", 1],
    ["1000μs", 1],
    ["1000000ns", 1],
  ])("%s is %d ms", (text, milliseconds) => {
    expect(parseGoDuration(text)).toBe(milliseconds);
  });

  test.each([
    ["", 'time: invalid duration ""'],
    ["abc", 'time: invalid duration "abc"'],
    ["-", 'time: invalid duration "-"'],
    [".", 'time: invalid duration "."'],
    ["-.s", 'time: invalid duration "-.s"'],
    [" 5m", 'time: invalid duration " 5m"'],
    ["300", 'time: missing unit in duration "300"'],
    ["-1", 'time: missing unit in duration "-1"'],
    ["1h30", 'time: missing unit in duration "1h30"'],
    ["5 m", 'time: unknown unit " m" in duration "5 m"'],
    ["1d", 'time: unknown unit "d" in duration "1d"'],
    ["5M", 'time: unknown unit "M" in duration "5M"'],
  ])("%j is refused in Go's own words", (text, message) => {
    expect(() => parseGoDuration(text)).toThrow(expect.objectContaining({ message, status: 400 }));
  });
});

describe("keep_alive", () => {
  test.each([
    [undefined, undefined],
    [null, undefined],
    [0, 0],
    [300, 300_000],
    [1.5, 1_500],
    [-1, Infinity],
    [-0.5, Infinity],
    ["0", 0],
    ["0s", 0],
    ["5m", 300_000],
    ["24h", 86_400_000],
    ["-1s", Infinity],
    ["-1m", Infinity],
  ])("%j is %s", (value, milliseconds) => {
    expect(parseKeepAlive(value)).toBe(milliseconds);
  });

  test.each([
    [true, "Unsupported type: 'bool'"],
    [[], "Unsupported type: '[]interface {}'"],
    [{}, "Unsupported type: 'map[string]interface {}'"],
    ["300", 'time: missing unit in duration "300"'],
    ["", 'time: invalid duration ""'],
  ])("%j is refused", (value, message) => {
    expect(() => parseKeepAlive(value)).toThrow(expect.objectContaining({ message, status: 400 }));
  });
});
