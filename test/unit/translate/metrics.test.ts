import * as fc from "fast-check";
import { expect, test } from "vitest";
import { toMetrics } from "../../../src/translate/metrics.ts";

const marks = { start: 100, responseHeaders: 110, firstToken: 130, end: 180 };

test("durations last from mark to mark, in nanoseconds", () => {
  expect(toMetrics({ promptTokens: 3, completionTokens: 4 }, marks, 9)).toEqual({
    total_duration: 80e6,
    load_duration: 10e6,
    prompt_eval_count: 3,
    prompt_eval_duration: 20e6,
    eval_count: 4,
    eval_duration: 50e6,
  });
});

test("the backend's own durations win", () => {
  const usage = { promptDuration: 7, completionDuration: 8, cachedTokens: 2 };
  expect(toMetrics(usage, marks, 9)).toMatchObject({
    prompt_eval_duration: 7,
    eval_duration: 8,
    prompt_eval_cached_count: 2,
  });
});

test("the prompt is estimated where the backend does not count it", () => {
  expect(toMetrics({}, marks, 9).prompt_eval_count).toBe(9);
});

test("an answer that never came to a token has all the same six figures", () => {
  expect(toMetrics({}, { start: 5, end: 5 }, 0)).toEqual({
    total_duration: 1,
    load_duration: 1,
    prompt_eval_count: 1,
    prompt_eval_duration: 1,
    eval_count: 1,
    eval_duration: 1,
  });
});

test("every figure but that of the cache is an integer of at least 1", () => {
  const time = fc.double({ min: 0, max: 1e9, noNaN: true });
  const count = fc.option(fc.double({ min: 0, max: 1e9, noNaN: true }), { nil: undefined });
  fc.assert(
    fc.property(
      fc.tuple(time, time, time, time),
      count,
      count,
      ([a, b, c, d], promptTokens, completionTokens) => {
        const [start = 0, responseHeaders = 0, firstToken = 0, end = 0] = [a, b, c, d].toSorted(
          (x, y) => x - y,
        );
        const usage = JSON.parse(JSON.stringify({ promptTokens, completionTokens })) as object;
        const figures = Object.values(
          toMetrics(usage, { start, responseHeaders, firstToken, end }, 0),
        );
        expect(figures.every((figure) => Number.isSafeInteger(figure) && figure >= 1)).toBe(true);
      },
    ),
  );
});
