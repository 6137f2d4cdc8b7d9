import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Lessons } from "../../../src/upstream/lessons.ts";

const minute = 60_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const noUsage = { overrides: { stream_usage: false }, what: "left out stream_options" };
const noLogprobs = { overrides: { logprobs: "none" as const }, what: "left out logprobs" };

test("a lesson holds for its model and its use, for an hour", () => {
  const lessons = new Lessons();
  lessons.remember("m", "chat", noUsage);
  expect(lessons.of("m", "chat")).toEqual({ stream_usage: false });
  expect(lessons.of("m", "completion")).toEqual({});
  expect(lessons.of("other", "chat")).toEqual({});
  vi.advanceTimersByTime(59 * minute);
  expect(lessons.of("m", "chat")).toEqual({ stream_usage: false });
  vi.advanceTimersByTime(2 * minute);
  expect(lessons.of("m", "chat")).toEqual({});
  expect(lessons.list()).toEqual([]);
});

test("a later lesson does not lengthen an earlier one", () => {
  const lessons = new Lessons();
  lessons.remember("m", "chat", noUsage);
  vi.advanceTimersByTime(50 * minute);
  lessons.remember("m", "chat", noLogprobs);
  expect(lessons.of("m", "chat")).toEqual({ stream_usage: false, logprobs: "none" });
  vi.advanceTimersByTime(20 * minute);
  expect(lessons.of("m", "chat")).toEqual({ logprobs: "none" });
});

test("they are told in words, each once", () => {
  const lessons = new Lessons();
  lessons.remember("m", "chat", noUsage);
  lessons.remember("m", "chat", noUsage);
  lessons.remember("m", "completion", noUsage);
  lessons.remember("m", "chat", noLogprobs);
  expect(lessons.list()).toEqual([
    { model: "m", what: ["left out stream_options", "left out logprobs"] },
  ]);
});
