import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AnswerText, type AnswerTextOptions } from "../../../src/translate/answer-text.ts";
import type { TokenLogprob } from "../../../src/translate/events.ts";
import type { TextPiece } from "../../../src/translate/held-text.ts";

/** What comes of text in pieces, each a token of its own. */
function pass(pieces: readonly string[], options: AnswerTextOptions): TextPiece[] {
  const answer = new AnswerText(options);
  const passed: TextPiece[] = [];
  for (const piece of pieces) {
    if (!answer.stopped) passed.push(...answer.push(piece, [logprobOf(piece)]));
  }
  return [...passed, ...answer.end()];
}

function logprobOf(token: string): TokenLogprob {
  return { token, logprob: -1 };
}

function said(pieces: readonly TextPiece[]) {
  const of = (type: TextPiece["type"]) =>
    pieces.map((piece) => (piece.type === type ? piece.text : "")).join("");
  return { thinking: of("thinking-delta"), text: of("text-delta") };
}

const read = (text: string, options: AnswerTextOptions) => said(pass([text], options));

describe("tags at the start hold thoughts", () => {
  test.each(["think", "thinking", "thought", "reasoning"])("<%s>", (name) => {
    expect(read(` \n<${name}>\n\nHm.\n</${name}>\n\nHi <think>`, { thinkTags: "leading" })).toEqual(
      {
        thinking: "Hm.\n",
        text: "Hi <think>",
      },
    );
  });

  test.each([
    ["no tag", " Hi", "", " Hi"],
    ["a tag further on", "a<think>b</think>", "", "a<think>b</think>"],
    ["a tag of another name", "<b>a</b>", "", "<b>a</b>"],
    ["half a tag", " <thin", "", " <thin"],
    ["a closing tag only", "a</think>b", "", "a</think>b"],
    ["a closing tag of another name", "<think>a</thought>b", "a</thought>b", ""],
    ["no closing tag", "<think> a</thin", "a</thin", ""],
    ["nothing in the tag", "<think>\n\n</think>\n\nHi", "", "Hi"],
    ["nothing else", "<think>", "", ""],
    ["nothing behind it", "<think>a</think>\n", "a", ""],
    ["white space only", "\n", "", "\n"],
    ["a tag behind 2,000 spaces", `${" ".repeat(2e3)}<think>`, "", `${" ".repeat(2e3)}<think>`],
    ["two tags", "<think>a</think><think>b</think>", "a", "<think>b</think>"],
  ])("%s", (_, answer, thinking, text) => {
    expect(read(answer, { thinkTags: "leading" })).toEqual({ thinking, text });
    expect(read(answer, { thinkTags: "never" })).toEqual({ thinking: "", text: answer });
    expect(read(answer, {})).toEqual({ thinking: "", text: answer });
  });

  test.each([
    ["a closing tag only", "\na</think>\nb", "a", "b"],
    ["both tags", "<think>a</think>b", "a", "b"],
    ["no tag", "\na </th", "", "\na </th"],
    ["no closing tag", "<think>a", "a", ""],
    ["two closing tags", "a</think>b</think>", "a", "b</think>"],
  ])("or, where a prompt may open it: %s", (_, answer, thinking, text) => {
    expect(read(answer, { thinkTags: "unopened" })).toEqual({ thinking, text });
  });

  test("but not where a mebibyte came before the closing one", () => {
    const long = "a".repeat(1024 * 1024 + 1);
    const passed = pass([long, "</think>b"], { thinkTags: "unopened" });
    expect(said(passed)).toEqual({ thinking: "", text: `${long}</think>b` });
  });

  test.each(["leading", "unopened"] as const)(
    "but not where the backend tells thoughts apart itself (%s)",
    (thinkTags) => {
      const answer = new AnswerText({ thinkTags });
      const before = answer.push(" <th", undefined);
      const thoughts = answer.pushThinking("Hm", undefined);
      const after = answer.push("ink>", undefined);
      expect(before).toEqual([]);
      expect(thoughts).toEqual([
        { type: "text-delta", text: " <th" },
        { type: "thinking-delta", text: "Hm" },
      ]);
      expect(after).toEqual([{ type: "text-delta", text: "ink>" }]);
    },
  );
});

describe("a stop text ends the answer before it", () => {
  test.each([
    ["the first of several", "a##b**", ["**", "##"], "a"],
    ["the one that is whole first", "abcd", ["abcd", "bc"], "a"],
    ["the longer of two that end together", "xabc", ["bc", "abc"], "x"],
    ["at once", "##", ["##"], ""],
    ["none", "a#b#", ["##"], "a#b#"],
    ["an empty one", "a", [""], "a"],
    ["one in thoughts", "<think>##</think>a##", ["##"], "a"],
  ])("%s", (_, answer, stops, text) => {
    expect(read(answer, { stops, thinkTags: "leading" }).text).toBe(text);
  });

  test("and the answer is complete then", () => {
    const answer = new AnswerText({ stops: ["##"] });
    answer.push("a#", undefined);
    const before = answer.stopped;
    answer.push("#", undefined);
    expect([before, answer.stopped]).toEqual([false, true]);
    expect(answer.push("b", undefined)).toEqual([]);
    expect(answer.end()).toEqual([]);
  });
});

describe("what the answer continues is cut off", () => {
  test.each([
    ["where it is there", "ab c", " c"],
    ["once", "abab", "ab"],
    ["only whole", "a", "a"],
    ["only as it is", "aB c", "aB c"],
    ["only at the start", " ab", " ab"],
    ["and nothing is left", "ab", ""],
  ])("%s", (_, answer, text) => {
    expect(read(answer, { echo: "ab" }).text).toBe(text);
  });
});

describe("a piece that says everything again is dropped", () => {
  const whole = "A sentence, and more.";

  test("unless it is short, or says more or less", () => {
    const options = { repeatsAnswer: true };
    expect(said(pass(["A sentence,", " and more.", whole], options)).text).toBe(whole);
    expect(said(pass(["Ha", "Ha"], options)).text).toBe("HaHa");
    expect(said(pass([whole, `${whole}!`], options)).text).toBe(`${whole}${whole}!`);
    expect(said(pass([whole, whole], {})).text).toBe(whole + whole);
  });

  test("also of thoughts", () => {
    const answer = new AnswerText({ repeatsAnswer: true });
    expect(answer.pushThinking(whole, undefined)).toHaveLength(1);
    expect(answer.pushThinking(whole, undefined)).toEqual([]);
  });
});

describe("log probabilities", () => {
  const tokens = (pieces: readonly TextPiece[]) =>
    pieces.map(({ text, logprobs }) => [text, (logprobs ?? []).map(({ token }) => token)]);

  test("leave with their text, and those of what is cut off with it", () => {
    const pieces = ["<th", "ink>", "\n", "H", "m</", "think>", " Hi", " #", "# no"];
    expect(tokens(pass(pieces, { thinkTags: "leading", stops: ["##"] }))).toEqual([
      ["H", ["H"]],
      ["m", []],
      ["Hi", [" Hi"]],
      [" ", []],
    ]);
  });

  test("are all there where nothing is cut off", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (pieces, stops) => {
        const unseen = stops.map((stop) => `${stop}\u0000`);
        const passed = pass(
          pieces.map((piece) => piece.replaceAll("\u0000", "")),
          { stops: unseen },
        );
        expect(passed.flatMap(({ logprobs = [] }) => logprobs)).toHaveLength(pieces.length);
      }),
    );
  });
});

test("text means the same however it is cut", () => {
  const tags = ["<think>", "</think>", "<thought>", "</thought>", "<th", "ink>", "</"];
  const others = [" ", "\n", "a", "b", "ab", "aba", "#", "##", "\ud83d", "\ude00"];
  const word = fc.constantFrom(...tags, ...others);
  const options: fc.Arbitrary<AnswerTextOptions> = fc.record({
    thinkTags: fc.constantFrom("leading", "unopened", "never"),
    stops: fc.uniqueArray(fc.constantFrom("##", "aba", "ab ", "b#", "\n\n", "😀"), {
      maxLength: 3,
    }),
    echo: fc.constantFrom("", "ab", "a b", "<think>"),
  });
  fc.assert(
    fc.property(fc.array(word, { maxLength: 12 }), options, fc.nat(), (words, given, seed) => {
      const text = words.join("");
      const at = seed % (text.length + 1);
      const whole = read(text, given);
      expect(said(pass(words, given))).toEqual(whole);
      expect(said(pass([text.slice(0, at), text.slice(at)], given))).toEqual(whole);
      expect(said(pass(text.split(""), given))).toEqual(whole);
    }),
    { numRuns: 5_000 },
  );
});
