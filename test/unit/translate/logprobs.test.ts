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

  test.each([undefined, null, "x", [1, "2"]])(
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

  test.each<[string, unknown]>([
    ["null", null],
    ["an empty list", { content: [] }],
    ["entries without a text", { content: [{ id: 5, logprob: -1 }] }],
    ["entries without a number", { content: [{ token: "a", logprob: "-1" }, { token: "a" }] }],
    ["the older shape of text completions", { tokens: ["a"], token_logprobs: [-1] }],
    ["nonsense", { content: [null, 5, "x", []] }],
  ])("are absent for %s", (_, logprobs) => {
    expect(readLogprobs(logprobs, 20)).toBeUndefined();
  });
});
