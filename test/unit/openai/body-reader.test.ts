import { describe, expect, test } from "vitest";
import { BodyReader } from "../../../src/openai/body-reader.ts";

function read(...pieces: string[]) {
  const reader = new BodyReader();
  const early = pieces.flatMap((piece) => reader.push(Buffer.from(piece)));
  return { early, late: reader.end() };
}

const event = (data: string, name = "") => ({ name, data });

describe("the first byte that is not white space decides", () => {
  test.each([
    ["an object", '{"a":1}'],
    ["a list", '[{"error":"x"}]'],
  ])("that %s is one document, told when it is whole", (_, text) => {
    expect(read("\n \r\n", text.slice(0, 3), text.slice(3))).toEqual({
      early: [],
      late: [event(text)],
    });
  });

  test("that anything else is a stream, told as it comes", () => {
    expect(read("\n\n", "data: 1\n", "\ndata: 2\n\n")).toEqual({
      early: [event("1"), event("2")],
      late: [],
    });
    expect(read("event: error\ndata: x")).toEqual({ early: [], late: [event("x", "error")] });
    expect(read(": comment\n\ndata: 1\n\n").early).toEqual([event("1")]);
  });
});

test.each([[[]], [[""]], [["\n"]], [["\n", " ", "\r\n"]]])("%j has no event", (pieces) => {
  expect(read(...pieces)).toEqual({ early: [], late: [] });
});

describe("beyond the standard", () => {
  test.each([
    ["a line that is JSON", 'data: 1\n\n{"a":1}\n\n', [event("1"), event('{"a":1}')]],
    ["a line that is markup", "data: 1\n\n<html>\n\n", [event("1"), event("<html>")]],
    [
      "a field named error",
      'data: 1\n\nerror: {"a":1}\n\n',
      [event("1"), event('{"a":1}', "error")],
    ],
  ])("%s is an event", (_, text, events) => {
    expect(read(text).early).toEqual(events);
  });
});
