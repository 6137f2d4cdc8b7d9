import { describe, expect, test } from "vitest";
import { readLogprobs } from "../../../src/translate/logprobs.ts";

const token = (text: string, extra: object = {}) => ({ token: text, logprob: -0.5, ...extra });
const read = (content: unknown, top = 20) => readLogprobs({ content }, top);

describe("log probabilities", () => {
  test("keep token, logprob, bytes and candidates, and nothing else", () => {
    const top_logprobs = [token("a", { bytes: [97], id: 3 }), token("b", { bytes: [98] })];
    expect(read([token("a", { bytes: [97], id: 3, top_logprobs })])).toEqual([
      token("a", {
        bytes: [97],
        top_logprobs: [token("a", { bytes: [97] }), token("b", { bytes: [98] })],
      }),
    ]);
  });

  test.each([undefined, null, "x", [1, "2"], [300], [-1], [1.5]])(
    "have bytes made from the token where given as %j",
    (bytes) => {
      expect(read([token("ü", { bytes })])).toEqual([token("ü", { bytes: [195, 188] })]);
    },
  );

  test("have as many candidates as the client asked for", () => {
    const top_logprobs = [token("a"), token("b"), token("c")];
    const [two] = read([token("a", { top_logprobs })], 2) ?? [];
    expect(two?.top_logprobs?.map((entry) => entry.token)).toEqual(["a", "b"]);
    const [none] = read([token("a", { top_logprobs })], 0) ?? [];
    expect(none).not.toHaveProperty("top_logprobs");
  });

  test("have U+FFFD for half a character", () => {
    expect(read([token("\ud83d", { bytes: [1] })])).toEqual([token("\uFFFD", { bytes: [1] })]);
  });

  test("are read from the parallel lists of text completions", () => {
    const logprobs = {
      tokens: ["Hi", "!", "?"],
      token_logprobs: [null, -0.5, -1],
      top_logprobs: [null, { "?": -1.5, "!": -0.5, x: "y" }],
      text_offset: [0, 2, 3],
    };
    expect(readLogprobs(logprobs, 20)).toEqual([
      {
        token: "!",
        logprob: -0.5,
        bytes: [33],
        top_logprobs: [
          { token: "!", logprob: -0.5, bytes: [33] },
          { token: "?", logprob: -1.5, bytes: [63] },
        ],
      },
      { token: "?", logprob: -1, bytes: [63] },
    ]);
  });

  test("are made of llama.cpp's probabilities", () => {
    const top_probs = [
      { token: "a", prob: 0.5 },
      { token: "b", prob: 0 },
    ];
    expect(read([{ token: "a", prob: 0.5, top_probs }])).toEqual([
      {
        token: "a",
        logprob: Math.log(0.5),
        bytes: [97],
        top_logprobs: [
          { token: "a", logprob: Math.log(0.5), bytes: [97] },
          { token: "b", logprob: -9999, bytes: [98] },
        ],
      },
    ]);
  });

  test.each([
    [-Infinity, -9999],
    [-1e300, -9999],
    [1e300, 0],
  ])("of %d are %d", (logprob, told) => {
    expect(read([token("a", { logprob })])?.[0]?.logprob).toBe(told);
  });

  test.each<[string, unknown]>([
    ["null", null],
    ["an empty list", { content: [] }],
    ["entries without a text", { content: [{ id: 5, logprob: -1 }] }],
    ["entries without a number", { content: [{ token: "a", logprob: "-1" }, { token: "a" }] }],
    ["lists without numbers", { tokens: ["a"] }],
    ["lists of nonsense", { tokens: [1, null], token_logprobs: [{}, "x"], top_logprobs: 5 }],
    ["nonsense", { content: [null, 5, "x", []] }],
  ])("are absent for %s", (_, logprobs) => {
    expect(readLogprobs(logprobs, 20)).toBeUndefined();
  });
});
