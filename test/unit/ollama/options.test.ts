import { describe, expect, test } from "vitest";
import { parseOptions } from "../../../src/ollama/options.ts";

describe("an option", () => {
  test.each([
    ["seed", 42],
    ["num_ctx", 4096],
    ["temperature", 0],
    ["top_p", 0.9],
    ["stop", ["a", "b"]],
    ["stop", []],
    ["use_mmap", false],
  ])("%s of %j is known", (name, value) => {
    expect(parseOptions({ [name]: value })).toEqual({ known: { [name]: value }, unknown: [] });
  });

  test("that is null is absent", () => {
    expect(parseOptions({ seed: null, nonsense: null })).toEqual({ known: {}, unknown: [] });
  });

  test("of whole numbers loses its fraction", () => {
    expect(parseOptions({ num_predict: 5.9, seed: -1.5 }).known).toEqual({
      num_predict: 5,
      seed: -1,
    });
  });

  test.each(["nonsense", "topK", "useMLock", "mirostat", "constructor", "toString"])(
    "%s is unknown and kept aside",
    (name) => {
      expect(parseOptions({ [name]: "anything" })).toEqual({ known: {}, unknown: [name] });
    },
  );

  test.each([
    ["num_predict", "5", 'option "num_predict" must be of type integer'],
    ["seed", true, 'option "seed" must be of type integer'],
    ["temperature", "hot", 'option "temperature" must be of type float32'],
    ["temperature", {}, 'option "temperature" must be of type float32'],
    ["use_mmap", 1, 'option "use_mmap" must be of type boolean'],
    ["stop", "END", 'option "stop" must be of type array'],
    ["stop", ["a", 1], 'option "stop" must be of an array of strings'],
  ])("%s of %j is refused in Ollama's words", (name, value, message) => {
    expect(() => parseOptions({ [name]: value })).toThrow(
      expect.objectContaining({ message, status: 400 }),
    );
  });
});
