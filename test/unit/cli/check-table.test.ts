import { expect, test } from "vitest";
import { columns, wrap } from "../../../src/cli/check-table.ts";

test("columns are as wide as they need to be, up to a limit", () => {
  const rows = [
    ["Model", "small", "org/a-long-name"],
    ["Chat", "yes", ""],
  ];
  expect(columns(rows, [20, 20, 8])).toEqual([
    "Model  small  org/a-",
    "              long-",
    "              name",
    "Chat   yes",
  ]);
});

test.for<[text: string, width: number, lines: readonly string[]]>([
  ["one two three", 20, ["one two three"]],
  ["one two three", 8, ["one two", "three"]],
  ["127.0.0.1:11434", 11, ["127.0.0.1:", "11434"]],
  ["abcdefghij", 4, ["abcd", "efgh", "ij"]],
  ["", 4, [""]],
])("%j in %i columns", ([text, width, lines]) => {
  expect(wrap(text, width)).toEqual(lines);
});
