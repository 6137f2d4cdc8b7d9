import * as fc from "fast-check";
import { expect, test } from "vitest";
import { RetryBudget } from "../../../src/routing/retry-budget.ts";

/** How many retries it gives, all at once. */
function available(budget: RetryBudget): number {
  let count = 0;
  while (budget.takeRetry()) count += 1;
  return count;
}

test.for([
  [0, 0.2, 3],
  [15, 0.2, 3],
  [19, 0.2, 3],
  [20, 0.2, 4],
  [100, 0.2, 20],
  [100, 0, 3],
  [100, 1, 100],
] as const)("%d requests under way at a share of %d: %d retries", ([requests, share, retries]) => {
  const budget = new RetryBudget(share);
  for (let count = 0; count < requests; count += 1) budget.begin();
  expect(available(budget)).toBe(retries);
});

test("gives again what was given back, and less when requests have ended", () => {
  const budget = new RetryBudget(0.5);
  for (let count = 0; count < 10; count += 1) budget.begin();
  expect(available(budget)).toBe(5);
  budget.endRetry();
  expect(available(budget)).toBe(1);
  for (let count = 0; count < 4; count += 1) budget.end();
  budget.endRetry();
  expect(available(budget)).toBe(0);
  budget.endRetry();
  expect(available(budget)).toBe(0);
  budget.endRetry();
  expect(available(budget)).toBe(1);
});

test("never gives more than the share, or three", () => {
  const step = fc.constantFrom("begin", "end", "takeRetry", "endRetry");
  fc.assert(
    fc.property(fc.array(step), fc.double({ min: 0, max: 1, noNaN: true }), (steps, share) => {
      const budget = new RetryBudget(share);
      let requests = 0;
      let retries = 0;
      for (const name of steps) {
        if (name === "takeRetry") {
          const isAllowed = retries + 1 <= Math.max(3, share * requests);
          expect(budget.takeRetry()).toBe(isAllowed);
          retries += isAllowed ? 1 : 0;
        } else if (name === "begin") {
          budget.begin();
          requests += 1;
        } else if (name === "end" && requests > 0) {
          budget.end();
          requests -= 1;
        } else if (name === "endRetry" && retries > 0) {
          budget.endRetry();
          retries -= 1;
        }
      }
    }),
  );
});
