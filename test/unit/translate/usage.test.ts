import { describe, expect, test } from "vitest";
import { readUsage } from "../../../src/translate/usage.ts";

describe("usage is read", () => {
  test.each<[string, object, object | undefined, object]>([
    [
      "from usage",
      { usage: { prompt_tokens: 3, completion_tokens: 4 } },
      undefined,
      { promptTokens: 3, completionTokens: 4 },
    ],
    [
      "with what was cached",
      { usage: { prompt_tokens: 3, prompt_tokens_details: { cached_tokens: 2 } } },
      undefined,
      { promptTokens: 3, cachedTokens: 2 },
    ],
    [
      "with what was cached, told beside it",
      { usage: { cached_tokens: 2 } },
      undefined,
      { cachedTokens: 2 },
    ],
    ["from the choice", {}, { usage: { prompt_tokens: 3 } }, { promptTokens: 3 }],
    ["from x_groq", { x_groq: { usage: { prompt_tokens: 3 } } }, undefined, { promptTokens: 3 }],
    [
      "from usage before the others",
      { usage: { prompt_tokens: 3 }, x_groq: { usage: { prompt_tokens: 9 } } },
      { usage: { prompt_tokens: 8 } },
      { promptTokens: 3 },
    ],
    [
      "with durations in seconds",
      { usage: { prompt_time: 0.5, completion_time: 0.25 } },
      undefined,
      { promptDuration: 5e8, completionDuration: 2.5e8 },
    ],
    [
      "with durations beside it",
      { usage: { prompt_tokens: 3 }, time_info: { prompt_time: 0.5 } },
      undefined,
      { promptTokens: 3, promptDuration: 5e8 },
    ],
    [
      "from timings, the prompt being what was cached and what was not",
      { timings: { cache_n: 10, prompt_n: 2, prompt_ms: 1.5, predicted_n: 5, predicted_ms: 20 } },
      undefined,
      {
        promptTokens: 12,
        cachedTokens: 10,
        promptDuration: 1.5e6,
        completionTokens: 5,
        completionDuration: 2e7,
      },
    ],
    [
      "with the thoughts that are in the total only",
      { usage: { prompt_tokens: 12, completion_tokens: 2, total_tokens: 354 } },
      undefined,
      { promptTokens: 12, completionTokens: 342 },
    ],
    [
      "with what was produced, where only the total is told",
      { usage: { prompt_tokens: 12, total_tokens: 20 } },
      undefined,
      { promptTokens: 12, completionTokens: 8 },
    ],
    [
      "with a total that is too small left aside",
      { usage: { prompt_tokens: 12, completion_tokens: 5, total_tokens: 5 } },
      undefined,
      { promptTokens: 12, completionTokens: 5 },
    ],
    [
      "with LocalAI's milliseconds",
      { usage: { timing_prompt_processing: 20.5, timing_token_generation: 100 } },
      undefined,
      { promptDuration: 20_500_000, completionDuration: 1e8 },
    ],
    [
      "with DeepSeek's name for what was cached",
      { usage: { prompt_tokens: 3, prompt_cache_hit_tokens: 2 } },
      undefined,
      { promptTokens: 3, cachedTokens: 2 },
    ],
    [
      "from numbers as text",
      { usage: { prompt_tokens: "3", completion_tokens: "4", prompt_time: "0.5" } },
      undefined,
      { promptTokens: 3, completionTokens: 4, promptDuration: 5e8 },
    ],
    [
      "from timings before usage",
      { usage: { prompt_tokens: 99 }, timings: { prompt_n: 2 } },
      undefined,
      { promptTokens: 2 },
    ],
  ])("%s", (_, chunk, choice, usage) => {
    expect(readUsage(chunk as never, choice as never)).toEqual(usage);
  });

  test.each([[{}], [{ usage: null }], [{ usage: 5, timings: [], time_info: "x", x_groq: 1 }]])(
    "as absent in %j",
    (chunk) => {
      expect(readUsage(chunk as never, undefined)).toBeUndefined();
    },
  );

  test.each([
    Number.NaN,
    -1,
    Number.POSITIVE_INFINITY,
    1e300,
    "1e5",
    " 7",
    "",
    "x",
    null,
    {},
    true,
  ])("without a count of %s", (value) => {
    expect(readUsage({ usage: { prompt_tokens: value, completion_tokens: 1 } }, undefined)).toEqual(
      { completionTokens: 1 },
    );
    expect(
      readUsage({ timings: { prompt_n: value, prompt_ms: value, cache_n: value } }, undefined),
    ).toEqual({});
  });

  test.each([0, "0"])("without counts of %j, which some backends send on every chunk", (zero) => {
    const usage = { prompt_tokens: zero, completion_tokens: zero, total_tokens: zero };
    expect(readUsage({ usage, timings: { prompt_n: zero } }, undefined)).toEqual({});
    expect(readUsage({ usage: { ...usage, cached_tokens: zero } }, undefined)).toEqual({
      cachedTokens: 0,
    });
  });

  test("with fractions rounded", () => {
    expect(readUsage({ usage: { prompt_tokens: 2.6 } }, undefined)).toEqual({ promptTokens: 3 });
  });
});
