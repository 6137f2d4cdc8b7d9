import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Policy } from "../../../src/config/schema.ts";
import { inOrder, type Candidate } from "../../../src/routing/order.ts";

interface Named extends Candidate {
  readonly name: string;
}

const policies: readonly Policy[] = ["priority", "weighted", "least-busy", "round-robin"];

function candidate(name: string, given: Partial<Candidate> = {}): Named {
  return { name, priority: 0, weight: 1, running: 0, ...given };
}

function names(candidates: readonly Named[], policy: Policy, turn = 0, random = () => 0.5): string {
  return inOrder(candidates, policy, turn, random)
    .flat()
    .map(({ name }) => name)
    .join(" ");
}

/** A linear congruential generator with the constants of C's standard: the same numbers each time. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 1) / 2 ** 31;
  };
}

describe("any policy", () => {
  const candidates = fc.array(
    fc.record({
      priority: fc.integer({ min: -2, max: 2 }),
      weight: fc.nat({ max: 5 }),
      running: fc.nat({ max: 5 }),
    }),
  );

  test.for(policies)("has each candidate once, by ascending priority: %s", (policy) => {
    fc.assert(
      fc.property(candidates, fc.nat(), fc.nat(), (given, turn, seed) => {
        const before = [...given];
        const tiers = inOrder(given, policy, turn, seeded(seed));
        const ordered = tiers.flat();
        expect(given).toEqual(before);
        expect(ordered).toHaveLength(given.length);
        expect(new Set(ordered)).toEqual(new Set(given));
        const priorities = ordered.map(({ priority }) => priority);
        expect(priorities).toEqual(priorities.toSorted((one, other) => one - other));
        expect(tiers).toHaveLength(new Set(priorities).size);
      }),
    );
  });
});

test("priority keeps the configured order among equals", () => {
  const given = [candidate("a", { priority: 1 }), candidate("b"), candidate("c"), candidate("d")];
  expect(names(given, "priority", 7)).toBe("b c d a");
});

test("least-busy begins with the fewest requests under way", () => {
  const given = [
    candidate("a", { running: 3 }),
    candidate("b", { running: 1 }),
    candidate("c", { running: 1 }),
    candidate("d", { running: 0, priority: 1 }),
  ];
  expect(names(given, "least-busy")).toBe("b c a d");
});

describe("round-robin", () => {
  test("begins with each in turn, and goes on with the next", () => {
    const given = [candidate("a"), candidate("b"), candidate("c"), candidate("z", { priority: 1 })];
    expect([0, 1, 2, 3].map((turn) => names(given, "round-robin", turn))).toEqual([
      "a b c z",
      "b c a z",
      "c a b z",
      "a b c z",
    ]);
  });

  test("is fair at every place", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.nat({ max: 1_000 }), (count, firstTurn) => {
        const given = Array.from({ length: count }, (_, index) => candidate(`${index}`));
        const rounds = given.map((_, index) =>
          inOrder(given, "round-robin", firstTurn + index, () => 0).flat(),
        );
        for (const place of given.keys()) {
          expect(new Set(rounds.map((round) => round[place]))).toEqual(new Set(given));
        }
      }),
    );
  });
});

describe("weighted", () => {
  const draws = 20_000;
  const given = [
    candidate("a", { weight: 6 }),
    candidate("b", { weight: 3 }),
    candidate("c", { weight: 1 }),
    candidate("never", { weight: 0 }),
  ];

  test("gives each its share of the first places, and of the second ones in what is left", () => {
    const random = seeded(4);
    const orders = Array.from({ length: draws }, () => names(given, "weighted", 0, random));
    const share = (start: string) =>
      orders.filter((order) => order.startsWith(start)).length / draws;
    const expected = {
      a: 6 / 10,
      b: 3 / 10,
      c: 1 / 10,
      "a b": (6 / 10) * (3 / 4),
      "a c": (6 / 10) * (1 / 4),
      "b a": (3 / 10) * (6 / 7),
      "c b": (1 / 10) * (3 / 9),
    };
    // Four times the largest standard deviation of a share is 0.014.
    for (const [start, wanted] of Object.entries(expected)) {
      expect(Math.abs(share(start) - wanted), start).toBeLessThan(0.015);
    }
    expect(orders.every((order) => order.endsWith("never"))).toBe(true);
  });

  test("keeps weight 0 last, whatever is drawn", () => {
    const two = [candidate("zero", { weight: 0 }), candidate("one")];
    for (const drawn of [0, 0.5, 1 - 2 ** -53]) {
      expect(names(two, "weighted", 0, () => drawn)).toBe("one zero");
    }
  });
});
