import { expect, test } from "vitest";
import { parseChatRequest } from "../../../src/ollama/requests.ts";
import { withoutOldestTurns } from "../../../src/translate/truncation.ts";

/** What is left, by the texts. */
function left(share: number, ...messages: readonly object[]): string[] | undefined {
  const parsed = parseChatRequest({ model: "m", messages }).messages;
  return withoutOldestTurns(parsed, share)?.map(({ content }) => content);
}

const system = { role: "system", content: "system text" };
const turns = ["first question", "first answer", "second question", "second answer"].map(
  (content, index) => ({ role: index % 2 === 0 ? "user" : "assistant", content }),
);
const asked = { role: "user", content: "now?" };

test("the oldest turns go, as many as the share asks for", () => {
  expect(left(0.2, system, ...turns, asked)).toEqual([
    "system text",
    "first answer",
    "second question",
    "second answer",
    "now?",
  ]);
  expect(left(0.5, system, ...turns, asked)).toEqual(["system text", "second answer", "now?"]);
});

test("system messages and what is asked now always stay", () => {
  expect(left(1, turns[0] ?? {}, system, ...turns, asked)).toEqual(["system text", "now?"]);
});

test("a call goes together with its results", () => {
  const call = { role: "assistant", content: "", tool_calls: [{ function: { name: "f" } }] };
  const results = [
    { role: "tool", content: "one" },
    { role: "tool", content: "two" },
  ];
  expect(left(0.1, call, ...results, turns[0] ?? {}, asked)).toEqual(["first question", "now?"]);
});

test("what is asked now may be the results of a call, which keep their call", () => {
  const call = { role: "assistant", content: "call", tool_calls: [{ function: { name: "f" } }] };
  expect(left(1, turns[0] ?? {}, call, { role: "tool", content: "one" })).toEqual(["call", "one"]);
});

test.each([[[asked]], [[system, asked]], [[]]])("there may be nothing that can go", (messages) => {
  expect(left(1, ...messages)).toBeUndefined();
});
