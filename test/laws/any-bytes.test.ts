import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkStream, parseNdjson } from "../support/ndjson.ts";
import { fixtures, type Reading } from "./fixtures.ts";
import { cutAt } from "./pieces.ts";
import { toNdjson, translate } from "./translate.ts";

/** Whatever a backend sends: lines with one end, or one error; never another exception. */
function checkAnswer(bytes: Buffer, places: readonly number[] = [], reading: Reading = {}): void {
  const cut = cutAt(
    bytes,
    places.map((place) => place % (bytes.length + 1)),
  );
  const answer = translate(cut, reading);
  const lines = parseNdjson(toNdjson(answer));
  expect(toNdjson(translate([bytes], reading))).toBe(toNdjson(answer));
  if (answer.error === undefined) {
    checkStream(lines, "chat");
    return;
  }
  expect(lines).toEqual([{ error: answer.error.message }]);
  expect(answer.error.message).toMatch(/^\P{Cc}+$/u);
  expect(answer.error.status).toBeGreaterThanOrEqual(400);
  expect(answer.error.status).toBeLessThan(600);
}

const places = fc.array(fc.nat(), { maxLength: 6 });
const short = fc.string({
  unit: fc.constantFrom("a", "{", "\n", "\ud83d", "\ude00"),
  maxLength: 4,
});
const reading: fc.Arbitrary<Reading> = fc.record(
  {
    thinkTags: fc.constantFrom("leading", "unopened", "never"),
    repeatsAnswer: fc.boolean(),
    stops: fc.array(short, { maxLength: 3 }),
    echo: short,
    contextLength: fc.nat(20),
    topLogprobs: fc.nat(2),
  },
  { requiredKeys: [] },
);

const scraps = [
  "null",
  "-1",
  "1e309",
  "NaN",
  '"',
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "\n",
  "\r",
  "\n\n",
  "data: ",
  "data:[DONE]\n\n",
  "event: error\n",
  "error: {}\n\n",
  '"\\ud83d"',
  "\\",
  "\uFEFF",
  "<html>",
  "{}",
  "[]",
  '"index":1e9,',
  '"__proto__":{"x":1},',
  '"error":"x",',
  '"finish_reason":"error",',
  '"tool_calls":[{}],',
  '"stop":true,',
  "<think>",
  "</think>",
  "}data: {",
  "data: {} data: {}",
].map((scrap) => Buffer.from(scrap));

interface Edit {
  readonly at: number;
  readonly remove: number;
  readonly insert: Buffer;
}

const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat(),
  remove: fc.oneof(fc.constant(0), fc.nat({ max: 30 })),
  insert: fc.oneof(
    fc.constantFrom(...scraps),
    fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
  ),
});

function applyEdit(bytes: Buffer, { at, remove, insert }: Edit): Buffer {
  const from = at % (bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, from), insert, bytes.subarray(from + remove)]);
}

/** Every value of a chunk that we look at, replaced by anything. */
const wild = fc.oneof(
  { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<unknown[]>(
      null,
      "",
      "stop",
      0,
      -1,
      1e300,
      "7",
      "\ud83d",
      "<think>",
      "a</think>",
      "{}",
      '{"a":1}',
      {},
      [],
    ),
  },
);
const fragment = fc.record(
  {
    index: fc.oneof(fc.constantFrom(0, 1, 2, null), wild),
    id: fc.oneof(fc.constantFrom("", "a", "b"), wild),
    function: fc.oneof(
      fc.record(
        {
          name: fc.oneof(fc.constantFrom("f", "g", ""), wild),
          arguments: fc.oneof(fc.constantFrom("{", "}", "{}"), wild),
        },
        { requiredKeys: [] },
      ),
      wild,
    ),
  },
  { requiredKeys: [] },
);
const delta = fc.record(
  {
    role: wild,
    content: fc.oneof(
      fc.string(),
      wild,
      fc.array(fc.record({ type: wild, text: wild, thinking: wild })),
    ),
    reasoning_content: wild,
    reasoning_details: wild,
    refusal: wild,
    tool_calls: fc.oneof(fc.array(fragment, { maxLength: 3 }), wild),
    function_call: wild,
  },
  { requiredKeys: [] },
);
const usage = fc.oneof(
  fc.record(
    {
      prompt_tokens: wild,
      completion_tokens: wild,
      total_tokens: wild,
      prompt_tokens_details: wild,
      prompt_time: wild,
      timing_prompt_processing: wild,
      cached_tokens: wild,
    },
    { requiredKeys: [] },
  ),
  wild,
);
const choice = fc.record(
  {
    index: fc.oneof(fc.constant(0), wild),
    delta: fc.oneof(delta, wild),
    message: fc.oneof(delta, wild),
    text: wild,
    logprobs: fc.oneof(
      wild,
      fc.record({
        content: fc.array(
          fc.record({ token: wild, logprob: wild, prob: wild, bytes: wild, top_logprobs: wild }),
        ),
      }),
      fc.record({
        tokens: fc.array(wild),
        token_logprobs: fc.array(wild),
        top_logprobs: fc.array(wild),
      }),
    ),
    finish_reason: fc.oneof(fc.constantFrom(null, "stop", "length"), wild),
    usage,
  },
  { requiredKeys: [] },
);
const chunk = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record(
      { choices: fc.array(choice, { maxLength: 2 }), usage },
      { requiredKeys: ["choices"] },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.record(
      {
        choices: wild,
        usage,
        x_groq: wild,
        timings: fc.dictionary(
          fc.constantFrom("cache_n", "prompt_n", "prompt_ms", "predicted_n"),
          wild,
        ),
      },
      { requiredKeys: [] },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      content: wild,
      stop: fc.oneof(fc.boolean(), wild),
      stop_type: wild,
      tokens_evaluated: wild,
      completion_probabilities: wild,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record(
      { error: wild, message: wild, code: wild, type: wild, base_resp: wild, detail: wild },
      { requiredKeys: [] },
    ),
  },
  { weight: 1, arbitrary: wild },
);
const stream = fc
  .tuple(fc.array(chunk, { maxLength: 6 }), fc.constantFrom("data: [DONE]\n\n", ""))
  .map(([chunks, end]) =>
    Buffer.from(chunks.map((value) => `data: ${JSON.stringify(value)}\n\n`).join("") + end),
  );

describe("whatever a backend sends becomes lines with one end, or one error", () => {
  test("any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), places, reading, (bytes, cuts, known) => {
        checkAnswer(Buffer.from(bytes), cuts, known);
      }),
      { numRuns: 1_000 },
    );
  });

  test("a fixture with a few bytes changed", () => {
    const mutated = fc
      .tuple(fc.constantFrom(...fixtures), fc.array(edit, { minLength: 1, maxLength: 4 }))
      .map(([{ bytes }, edits]) => edits.reduce(applyEdit, bytes));
    fc.assert(fc.property(mutated, places, reading, checkAnswer), { numRuns: 4_000 });
  });

  test("chunks with values of any kind", () => {
    fc.assert(fc.property(stream, places, reading, checkAnswer), { numRuns: 6_000 });
  });

  test.each([
    [
      "arguments nested 100,000 deep",
      `{"tool_calls":[{"function":{"name":"f","arguments":${"[".repeat(1e5)}${"]".repeat(1e5)}}}]}`,
    ],
    [
      "an arguments object nested 100,000 deep",
      `{"tool_calls":[{"function":{"name":"f","arguments":${'{"a":'.repeat(1e5)}1${"}".repeat(1e5)}}}]}`,
    ],
    [
      "arguments as text, nested 100,000 deep",
      `{"tool_calls":[{"function":{"name":"f","arguments":"${'{\\"a\\":'.repeat(1e5)}1${"}".repeat(1e5)}"}}]}`,
    ],
    [
      "content parts nested 100,000 deep",
      `{"content":${'[{"thinking":'.repeat(1e5)}1${"}]".repeat(1e5)}}`,
    ],
    ["an error nested 100,000 deep", `[],"error":${'{"detail":'.repeat(1e5)}1${"}".repeat(1e5)}`],
    [
      "a list nested 100,000 deep",
      `[]}}]}\n\ndata: ${"[".repeat(1e5)}${"]".repeat(1e5)}\n\ndata: {"a":[{"b":{"c":1`,
    ],
    [
      "a prototype as a key",
      `{"__proto__":{"content":"x"},"constructor":{"content":"x"},"tool_calls":[{"function":{"name":"f","arguments":{"__proto__":{"x":1}}}}]}`,
    ],
  ])("%s", (_, value) => {
    checkAnswer(Buffer.from(`data: {"choices":[{"delta":${value},"finish_reason":"stop"}]}\n\n`));
    expect(Object.getOwnPropertyNames(Object.prototype)).not.toContain("x");
  });
});
