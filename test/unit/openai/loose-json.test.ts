import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseLoosely, splitValues } from "../../../src/openai/loose-json.ts";

const container = fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.array(fc.jsonValue()));

describe("JSON values one after the other", () => {
  test.each(["", " ", "\n", "data:", "data: ", "\ndata: ", " data:\n"])(
    "are told apart with %j between them",
    (between) => {
      fc.assert(
        fc.property(fc.array(container, { minLength: 1, maxLength: 4 }), (values) => {
          const texts = values.map((value) => JSON.stringify(value));
          expect(splitValues(texts.join(between))).toEqual(texts);
        }),
      );
    },
  );

  test.each([
    ["a value cut short", '{"a":1}data: {"b":"c}', ['{"a":1}', '{"b":"c}']],
    ["a word", '{"a":1} [DONE] x', ['{"a":1}', "[DONE]", "x"]],
    ["a backslash at the end", '{"a":1}{"\\', ['{"a":1}', '{"\\']],
    ["a bracket too many", "{}}{}", ["{}", "}{}"]],
    ["nothing", " ", []],
  ])("may end in %s", (_, text, values) => {
    expect(splitValues(text)).toEqual(values);
  });
});

describe("numbers that are none", () => {
  test.each([
    ['{"a":NaN,"b":[Infinity,-Infinity],"c":"NaN \\" -Infinity"}', "NaN"],
    ["[NaN]", "NaN"],
  ])("in %s are null", (text) => {
    expect(parseLoosely(text)).toEqual(
      text.startsWith("[") ? [null] : { a: null, b: [null, null], c: 'NaN " -Infinity' },
    );
  });

  test.each(['{"a":NaNa}', '{"a":', "NaN,", '{"a":"NaN}', "", "nan"])(
    "mend nothing else: %j",
    (text) => {
      expect(parseLoosely(text)).toBeUndefined();
    },
  );

  test("leave JSON as it is", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.stringify(parseLoosely(JSON.stringify(value)))).toBe(JSON.stringify(value));
      }),
    );
  });
});
