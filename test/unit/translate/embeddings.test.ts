import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  inBatches,
  readEmbeddings,
  toEmbeddingsBody,
  toUnitVector,
} from "../../../src/translate/embeddings.ts";

const dialect = { batch: 2, dimensions: null, fields: {} };

describe("the body", () => {
  test("has the model and the texts, and nothing that was not asked for", () => {
    expect(toEmbeddingsBody("m", ["a", "b"], 0, { ...dialect, dimensions: "dimensions" })).toEqual({
      model: "m",
      input: ["a", "b"],
    });
  });

  test("has the dialect's fields, and dimensions under the dialect's name", () => {
    const fields = { input_type: "passage" };
    const nim = { ...dialect, dimensions: "output_dimension", fields };
    expect(toEmbeddingsBody("m", ["a"], 8, nim)).toEqual({
      model: "m",
      input: ["a"],
      input_type: "passage",
      output_dimension: 8,
    });
    expect(toEmbeddingsBody("m", ["a"], 8, dialect)).toEqual({ model: "m", input: ["a"] });
  });
});

test("batches hold every text once, in order, and as many as they may", () => {
  expect(inBatches(["a", "b", "c", "d", "e"], 2)).toEqual([["a", "b"], ["c", "d"], ["e"]]);
  expect(inBatches([], 2)).toEqual([]);
});

/** Little-endian 32-bit floats. */
function base64(...values: number[]): string {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [place, value] of values.entries()) bytes.writeFloatLE(value, 4 * place);
  return bytes.toString("base64");
}

function read(answer: unknown) {
  const { vectors, tokens } = readEmbeddings(answer);
  return { vectors: vectors.map((vector) => vector && Array.from(vector)), tokens };
}

describe("an answer is read", () => {
  test.each<[form: string, answer: unknown, vectors: number[][]]>([
    ["as numbers", { data: [{ index: 0, embedding: [0.5, -1] }] }, [[0.5, -1]]],
    ["as base64", { data: [{ index: 0, embedding: base64(0.5, -1) }] }, [[0.5, -1]]],
    [
      "in the order of its numbers",
      {
        data: [
          { index: 2, embedding: [2] },
          { index: 0, embedding: [0] },
          { index: 1, embedding: base64(1) },
        ],
      },
      [[0], [1], [2]],
    ],
    [
      "in its own order without numbers",
      { data: [{ embedding: [2] }, { embedding: [1] }] },
      [[2], [1]],
    ],
    [
      "in its own order when all numbers are the same",
      {
        data: [
          { index: 0, embedding: [2] },
          { index: 0, embedding: [1] },
        ],
      },
      [[2], [1]],
    ],
    [
      "in llama.cpp's own form",
      [
        { index: 1, embedding: [[0.25]] },
        { index: 0, embedding: [[0.5]] },
      ],
      [[0.5], [0.25]],
    ],
    [
      "as bare lists",
      [
        [1, 2],
        [3, 4],
      ],
      [
        [1, 2],
        [3, 4],
      ],
    ],
  ])("%s", (_form, answer, vectors) => {
    expect(read(answer).vectors).toEqual(vectors);
  });

  test.each<[thing: string, embedding: unknown]>([
    ["null", null],
    ["an empty list", []],
    ["numbers as texts", ["0.5"]],
    ["a null among numbers", [0.5, null]],
    ["a number beyond 32 bits", [1e39]],
    ["NaN in base64", base64(NaN)],
    ["base64 that was cut", Buffer.alloc(6).toString("base64")],
    ["an empty text", ""],
    ["a vector for each token", [[1], [2]]],
  ])("and %s is no vector", (_thing, embedding) => {
    expect(read({ data: [{ index: 0, embedding }] }).vectors).toEqual([undefined]);
  });

  test.each([null, "text", 5, {}, { data: {} }, { data: null }])("and %j has none", (answer) => {
    expect(read(answer).vectors).toEqual([]);
  });

  test.each<[place: string, answer: unknown, tokens: number | undefined]>([
    ["usage", { data: [], usage: { prompt_tokens: 7, total_tokens: 9 } }, 7],
    ["llama.cpp's entries", [{ tokens_evaluated: 3 }, { tokens_evaluated: 4 }], 7],
    ["nowhere", { data: [{ embedding: [1] }] }, undefined],
  ])("with the tokens it tells: %s", (_place, answer, tokens) => {
    expect(read(answer).tokens).toBe(tokens);
  });
});

describe("a unit vector", () => {
  test.each<[vector: number[], dimensions: number, unit: number[]]>([
    [[3, 4], 0, [0.6, 0.8]],
    [[3, 4, 12], 2, [0.6, 0.8]],
    [[3, 4], 100, [0.6, 0.8]],
    [[0, 0], 0, [0, 0]],
    [[0, 5], 1, [0]],
    [[3e38, 4e38 / 2], 0, [0.83205026, 0.5547002]],
    [[3e-42, 4e-42], 0, [0.5999, 0.8]],
  ])("of %j cut to %i", (vector, dimensions, unit) => {
    const told = toUnitVector(Float32Array.from(vector), dimensions);
    expect(told).toHaveLength(unit.length);
    for (const [place, value] of unit.entries()) expect(told[place]).toBeCloseTo(value, 3);
  });

  test("is told with the digits that Go would print", () => {
    // From recorded answers of Ollama.
    const printed = [-0.28378665, -0.41862145, 0.023138065, 0.5940605, 0.609686, 0.07561861];
    const rest = Math.sqrt(1 - printed.reduce((sum, value) => sum + value * value, 0));
    const told = toUnitVector(Float32Array.from([...printed, rest]), 0);
    expect(told.slice(0, -1)).toEqual(printed);
  });

  test("has length 1, is the same 32-bit floats, and has no digit too many", () => {
    const anything = fc.float({ noNaN: true, noDefaultInfinity: true });
    const ordinary = fc.integer({ min: -1_000_000, max: 1_000_000 });
    const size = { minLength: 1, maxLength: 8 };
    const vectors = fc.oneof(fc.array(anything, size), fc.array(ordinary, size));
    fc.assert(
      fc.property(vectors, fc.nat(9), (values, dimensions) => {
        const told = toUnitVector(Float32Array.from(values), dimensions);
        const zero = told.every((value) => value === 0);
        expect(Math.hypot(...told)).toBeCloseTo(zero ? 0 : 1, 6);
        for (const value of told) {
          const float = Math.fround(value);
          const fewest = [1, 2, 3, 4, 5, 6, 7, 8, 9].find(
            (digits) => Math.fround(Number(float.toPrecision(digits))) === float,
          );
          // Below 1e-13 digits are not counted: the sum of such a vector's others is still 1.
          const shortest = Math.abs(float) < 1e-13 ? value : Number(float.toPrecision(fewest));
          expect(value).toBe(shortest);
        }
      }),
    );
  });
});
