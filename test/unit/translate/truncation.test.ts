import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseChatRequest } from "../../../src/ollama/requests.ts";
import { withoutOldestTurns } from "../../../src/translate/truncation.ts";

/** What is left, by the texts. */
function left(share: number, ...messages: readonly object[]): string[] | undefined {
  return cut(share, messages)?.map(({ content }) => content);
}

function cut(share: number, messages: readonly object[]) {
  return withoutOldestTurns(parseChatRequest({ model: "m", messages }).messages, share);
}

const system = { role: "system", content: "system text" };
const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });
const call = (content: string) => ({
  ...assistant(content),
  tool_calls: [{ function: { name: "f" } }],
});
const result = (content: string) => ({ role: "tool", content });
const turns = [
  user("first question"),
  assistant("first answer"),
  user("second question"),
  assistant("second answer"),
];
const asked = user("now?");

test("the oldest turns go, whole, as many as the share asks for", () => {
  expect(left(0.2, system, ...turns, asked)).toEqual([
    "system text",
    "second question",
    "second answer",
    "now?",
  ]);
  expect(left(0.5, system, ...turns, asked)).toEqual(["system text", "now?"]);
});

test("system messages and what is asked now always stay", () => {
  expect(left(1, user("before"), system, ...turns, asked)).toEqual(["system text", "now?"]);
});

test("a turn goes with all its calls and their results", () => {
  const worked = [
    user("before"),
    call("a"),
    result("1"),
    call("b"),
    result("2"),
    assistant("done"),
  ];
  expect(left(0.1, ...worked, user("then"), assistant("yes"), asked)).toEqual([
    "then",
    "yes",
    "now?",
  ]);
});

test("what comes before the first question is a turn of its own", () => {
  expect(left(0.1, assistant("Hello!"), ...turns, asked)).toEqual([
    ...turns.map(({ content }) => content),
    "now?",
  ]);
});

test("a message without a role is a question too", () => {
  expect(left(1, ...turns, { content: "now?" })).toEqual(["now?"]);
});

describe("in an agent's loop", () => {
  const loop = [
    call("a"),
    result("1"),
    result("2"),
    call("b"),
    result("3"),
    call("c"),
    result("4"),
  ];

  test("turns go first, then the oldest calls with their results; the question stays", () => {
    expect(left(0.1, system, ...turns.slice(0, 2), asked, ...loop)).toEqual([
      "system text",
      "now?",
      ...loop.map(({ content }) => content),
    ]);
    expect(left(0.1, system, asked, ...loop)).toEqual(["system text", "now?", "b", "3", "c", "4"]);
    expect(left(1, system, ...turns, asked, ...loop)).toEqual(["system text", "now?", "c", "4"]);
  });

  test("calls that wait for their results are the latest", () => {
    expect(left(1, asked, call("a"), result("1"), call("b"))).toEqual(["now?", "b"]);
  });

  test("results whose calls the client left out are calls all the same", () => {
    const bare = [assistant("a"), result("1"), assistant("b"), result("2")];
    expect(left(1, asked, ...bare)).toEqual(["now?", "b", "2"]);
    expect(left(1, asked, result("0"), ...bare)).toEqual(["now?", "0", "b", "2"]);
  });

  test("an answer that is to be continued stays", () => {
    const begun = assistant("So");
    expect(left(1, asked, call("a"), result("1"), call("b"), result("2"), begun)).toEqual([
      "now?",
      "b",
      "2",
      "So",
    ]);
  });
});

test.each([
  ["a question", [asked]],
  ["a system text and a question", [system, asked]],
  ["a question and its only calls", [asked, call("a"), result("1")]],
  ["an answer without a question", [assistant("Hello!"), assistant("You?")]],
  ["no message", []],
])("nothing of %s can go", (_, messages) => {
  expect(left(1, ...messages)).toBeUndefined();
});

test("what is left of any conversation begins with a user and has the question", () => {
  const one = fc.constantFrom(system, user("q"), assistant("a"), call("c"), result("r"));
  const isSystem = ({ role }: { role: string }) => role === "system";
  const isUser = ({ role }: { role: string }) => role === "user";
  fc.assert(
    fc.property(fc.array(one, { maxLength: 12 }), fc.double({ min: 0, max: 1 }), (some, share) => {
      const messages = some.map((message, at) => ({
        ...message,
        content: `${message.content}${at}`,
      }));
      const kept = cut(share, messages);
      if (kept === undefined) return;
      const texts = kept.map(({ content }) => content);
      const question = messages.findLast(isUser);
      expect(kept.length).toBeLessThan(messages.length);
      expect(kept.filter(isSystem)).toHaveLength(messages.filter(isSystem).length);
      if (question === undefined) return;
      expect(texts).toContain(question.content);
      expect(kept.find((message) => !isSystem(message))?.role).toBe("user");
    }),
    { numRuns: 1_000 },
  );
});
