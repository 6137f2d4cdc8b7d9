import { describe, expect, test } from "vitest";
import { parseChatRequest } from "../../../src/ollama/requests.ts";
import { toChatCompletionMessages } from "../../../src/translate/messages.ts";

/** As a client sends them. */
function lower(...messages: object[]) {
  return toChatCompletionMessages(parseChatRequest({ model: "m", messages }).messages);
}

const call = (name: string, id?: string) => ({
  ...(id === undefined ? {} : { id }),
  function: { name, arguments: { a: 1 } },
});
const result = (content: string, by: object = {}) => ({ role: "tool", content, ...by });

/** Which call each result was given to, by the order of the calls. */
function pairs(calls: object[], ...results: object[]): number[] {
  const [asked, ...told] = lower({ role: "assistant", content: "", tool_calls: calls }, ...results);
  const ids = asked?.tool_calls?.map(({ id }) => id) ?? [];
  return told.map((message) => ids.indexOf(message.tool_call_id ?? ""));
}

describe("a plain message", () => {
  test.each(["system", "user", "assistant", "developer"])("of role %s stays as it is", (role) => {
    expect(lower({ role, content: "Hi" })).toEqual([{ role, content: "Hi" }]);
  });

  test("without a role is the user's", () => {
    expect(lower({ content: "Hi" })).toEqual([{ role: "user", content: "Hi" }]);
  });

  test("without content has an empty one", () => {
    expect(lower({ role: "assistant", content: null })).toEqual([
      { role: "assistant", content: "" },
    ]);
  });

  test("leaves its thoughts out", () => {
    expect(lower({ role: "assistant", content: "4", thinking: "2 and 2" })).toEqual([
      { role: "assistant", content: "4" },
    ]);
  });

  test("with half a character has U+FFFD for it", () => {
    expect(lower({ role: "user", content: "a\ud83d" })).toEqual([
      { role: "user", content: "a\uFFFD" },
    ]);
  });
});

describe("a message with images", () => {
  const image = { type: "image_url", image_url: { url: "data:image/jpeg;base64,/9j/AAAA" } };

  test("has its text first, then each image as a data URL", () => {
    expect(lower({ role: "user", content: "What?", images: ["/9j/AAAA", "/9j/AAAA"] })).toEqual([
      { role: "user", content: [{ type: "text", text: "What?" }, image, image] },
    ]);
  });

  test("and no text has no empty text part", () => {
    expect(lower({ role: "user", content: "", images: ["/9j/AAAA"] })).toEqual([
      { role: "user", content: [image] },
    ]);
  });

  test("may be the result of a tool", () => {
    expect(lower({ role: "tool", content: "", images: ["/9j/AAAA"] })[0]?.content).toEqual([image]);
  });
});

describe("a tool call", () => {
  test("has an id of nine letters and digits, whatever the client's, and arguments as text", () => {
    const [message] = lower({
      role: "assistant",
      content: "",
      tool_calls: [call("add", "toolu_1"), call("add")],
    });
    expect(message?.tool_calls).toEqual([
      { id: "call00001", type: "function", function: { name: "add", arguments: '{"a":1}' } },
      { id: "call00002", type: "function", function: { name: "add", arguments: '{"a":1}' } },
    ]);
  });

  test("has an id that no other call of the conversation has", () => {
    const turn = { role: "assistant", content: "", tool_calls: [call("add", "same")] };
    const messages = lower(turn, result("1"), turn, result("2"));
    expect(
      messages.map(({ tool_calls, tool_call_id }) => tool_calls?.[0]?.id ?? tool_call_id),
    ).toEqual(["call00001", "call00001", "call00002", "call00002"]);
  });

  test.each([
    ["as text stay text", '{"b":2}', '{"b":2}'],
    ["that are absent are an empty object", undefined, "{}"],
    ["that are null are an empty object", null, "{}"],
  ])("whose arguments %s", (_, given, expected) => {
    const tool_calls = [{ function: { name: "f", arguments: given } }];
    const [message] = lower({ role: "assistant", tool_calls });
    expect(message?.tool_calls?.[0]?.function.arguments).toBe(expected);
  });
});

describe("a result goes to", () => {
  test("the call with its id, whatever the order", () => {
    const calls = [call("f", "x"), call("f", "y")];
    expect(
      pairs(calls, result("2", { tool_call_id: "y" }), result("1", { tool_call_id: "x" })),
    ).toEqual([1, 0]);
  });

  test("else the open call with its name, whatever the order", () => {
    const calls = [call("f"), call("g")];
    expect(pairs(calls, result("2", { tool_name: "g" }), result("1", { tool_name: "f" }))).toEqual([
      1, 0,
    ]);
    expect(pairs(calls, result("2", { name: "g" }), result("1", { name: "f" }))).toEqual([1, 0]);
  });

  test("the calls of one tool in their order when the tool was called twice", () => {
    const calls = [call("f"), call("g"), call("f")];
    const f = { tool_name: "f" };
    expect(pairs(calls, result("1", f), result("3", f), result("2", { tool_name: "g" }))).toEqual([
      0, 2, 1,
    ]);
  });

  test("else the first call without a result", () => {
    expect(pairs([call("f", "x"), call("g", "y")], result("1"), result("2"))).toEqual([0, 1]);
    expect(
      pairs([call("f")], result("1", { tool_call_id: "unknown", tool_name: "unknown" })),
    ).toEqual([0]);
  });

  test.each([{}, { tool_name: "f" }])(
    "a call of the latest turn when an earlier one never got its result",
    (by) => {
      const turn = { role: "assistant", content: "", tool_calls: [call("f")] };
      const messages = lower(turn, { role: "user", content: "Again" }, turn, result("2", by));
      expect(messages.at(-1)?.tool_call_id).toBe("call00002");
    },
  );

  test("an id of its own when no call is open", () => {
    expect(lower(result("lost"))).toEqual([
      { role: "tool", content: "lost", tool_call_id: "call00000" },
    ]);
  });
});
