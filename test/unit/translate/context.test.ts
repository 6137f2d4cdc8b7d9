import { randomBytes } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeContext, encodeContext } from "../../../src/translate/context.ts";

const turn = fc.record({
  role: fc.constantFrom("system", "user", "assistant"),
  content: fc.string({ unit: "grapheme" }),
});
const turns = [
  { role: "user", content: "One" },
  { role: "assistant", content: "Two 😀" },
];

describe("a conversation as context numbers", () => {
  test("comes back as it was", () => {
    fc.assert(
      fc.property(fc.array(turn, { maxLength: 8 }), (conversation) => {
        expect(decodeContext(encodeContext(conversation))).toEqual(conversation);
      }),
    );
  });

  test("survives JSON, and is whole numbers that Go's int32 holds", () => {
    const context = encodeContext(turns);
    expect(
      context.every((number) => Number.isInteger(number) && number >= 0 && number < 2 ** 31),
    ).toBe(true);
    expect(decodeContext(JSON.parse(JSON.stringify(context)) as number[])).toEqual(turns);
  });

  test("is never empty, for clients test for that", () => {
    expect(encodeContext([]).length).toBeGreaterThan(2);
  });

  test("is the shorter for being compressed", () => {
    const long = [{ role: "user", content: "word ".repeat(10_000) }];
    expect(encodeContext(long).length).toBeLessThan(200);
    expect(decodeContext(encodeContext(long))).toEqual(long);
  });

  test("is bounded: the oldest turns are left out", () => {
    const long = Array.from({ length: 20 }, (_, index) => ({
      role: "user",
      content: `${index} ${randomBytes(6_000).toString("hex")}`,
    }));
    const context = encodeContext(long);
    const kept = decodeContext(context) ?? [];
    expect(context.length).toBeLessThanOrEqual((64 * 1024) / 3 + 3);
    expect(kept.length).toBeGreaterThan(2);
    expect(kept.length).toBeLessThan(20);
    expect(long.slice(-kept.length)).toEqual(kept);
  });

  test("of one turn too long to keep is a context all the same, of nothing", () => {
    const context = encodeContext([
      { role: "user", content: randomBytes(200_000).toString("hex") },
    ]);
    expect(decodeContext(context)).toEqual([]);
  });
});

describe("what is no context of ours is undefined:", () => {
  const context = encodeContext(turns);
  const [magic = 0, length = 0, ...numbers] = context;

  test.each<[string, readonly number[]]>([
    ["nothing", []],
    ["token ids of real Ollama", [151_644, 872, 198, 9_707, 151_645]],
    ["another version", [magic + 1, length, ...numbers]],
    ["a number missing", context.slice(0, -1)],
    ["a number too many", [...context, 1]],
    ["a wrong length", [magic, length - 4, ...numbers]],
    ["an absurd length", [magic, 1e12, ...numbers]],
    ["a negative length", [magic, -1, ...numbers]],
    ["fractions", context.map((number) => number + 0.5)],
    ["only the head", [magic]],
  ])("%s", (_, foreign) => {
    expect(decodeContext(foreign)).toBeUndefined();
  });

  test("any one number changed, and never an exception", () => {
    fc.assert(
      fc.property(
        fc.nat(numbers.length - 1),
        fc.integer({ min: 1, max: 0xff_ffff }),
        (at, change) => {
          const damaged = numbers.map((number, index) => (index === at ? number ^ change : number));
          // Bits that pad the last number mean nothing.
          const decoded = decodeContext([magic, length, ...damaged]);
          if (decoded !== undefined) expect(decoded).toEqual(turns);
        },
      ),
    );
  });
});
