import { describe, expect, test } from "vitest";
import type { DialectOverrides } from "../../../src/dialects/dialect.ts";
import { generic } from "../../../src/dialects/generic.ts";
import { parseChatRequest } from "../../../src/ollama/requests.ts";
import { arrange, toChatCompletionMessages } from "../../../src/translate/messages.ts";

/** As a client sends them. */
function lower(...messages: object[]) {
  return lowerFor({}, ...messages);
}

function lowerFor(
  overrides: DialectOverrides & { imageUrls?: boolean; thinks?: boolean },
  ...messages: object[]
) {
  const { imageUrls = false, thinks = true, ...flags } = overrides;
  const dialect = { ...generic, ...flags };
  const backend = { model: "m", dialect, contextLength: undefined, imageUrls };
  const parsed = parseChatRequest({ model: "m", messages }).messages;
  return arrange(toChatCompletionMessages(parsed, backend, thinks), dialect);
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
    const [, told] = lower({ role: "tool", content: "", images: ["/9j/AAAA"] });
    expect(told?.content).toEqual([image]);
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

  describe("a call that is made up, where the client left it out", () => {
    const made = (id: string, name = "tool") => ({
      id,
      type: "function",
      function: { name, arguments: "{}" },
    });

    test.each([
      ["in the message before it", [{ role: "assistant", content: "Hm" }], "Hm"],
      ["in a message of its own", [], ""],
    ])("%s", (_, before, content) => {
      expect(lower(...before, result("a", { tool_name: "f" }), result("b"))).toEqual([
        { role: "assistant", content, tool_calls: [made("call00001", "f"), made("call00002")] },
        { role: "tool", content: "a", tool_call_id: "call00001" },
        { role: "tool", content: "b", tool_call_id: "call00002" },
      ]);
    });

    test("beside calls that have their results", () => {
      const turn = { role: "assistant", content: "", tool_calls: [call("f")] };
      const [asked, ...told] = lower(turn, result("a"), result("b"));
      expect(asked?.tool_calls?.map(({ id }) => id)).toEqual(["call00001", "call00002"]);
      expect(told.map(({ tool_call_id }) => tool_call_id)).toEqual(["call00001", "call00002"]);
    });
  });

  test("its call also when it comes late, and then stands behind it", () => {
    const turn = { role: "assistant", content: "", tool_calls: [call("f", "x")] };
    const messages = lower(
      turn,
      { role: "user", content: "Well?" },
      result("1", { tool_call_id: "x" }),
    );
    expect(messages.map(({ role }) => role)).toEqual(["assistant", "tool", "user"]);
  });
});

test("a call that was never answered gets a word once the talk goes on", () => {
  const turn = { role: "assistant", content: "", tool_calls: [call("f"), call("g")] };
  const user = { role: "user", content: "Never mind" };
  expect(lower(turn, result("1", { tool_name: "g" }), user).slice(1)).toEqual([
    { role: "tool", content: "1", tool_call_id: "call00002" },
    { role: "tool", content: "no result", tool_call_id: "call00001" },
    user,
  ]);
});

test("of the latest calls none has to be answered, but all where one is", () => {
  const turn = { role: "assistant", content: "", tool_calls: [call("f"), call("g")] };
  expect(lower(turn)).toHaveLength(1);
  expect(lower(turn, result("1", { tool_name: "g" })).slice(1)).toEqual([
    { role: "tool", content: "1", tool_call_id: "call00002" },
    { role: "tool", content: "no result", tool_call_id: "call00001" },
  ]);
});

describe("a dialect says", () => {
  const thought = { role: "assistant", content: "4", thinking: "2 and 2" };
  const called = { role: "assistant", content: "", tool_calls: [call("f")] };

  test.each(["reasoning", "reasoning_content"] as const)(
    "that earlier thoughts go back as %s",
    (thoughts) => {
      expect(lowerFor({ thoughts }, thought)).toEqual([
        { role: "assistant", content: "4", [thoughts]: "2 and 2" },
      ]);
    },
  );

  test("that calls need thoughts, even empty ones, while the model thinks", () => {
    const thoughts = "required_reasoning_content";
    expect(lowerFor({ thoughts }, called)[0]).toMatchObject({ reasoning_content: "" });
    expect(lowerFor({ thoughts }, { ...called, thinking: "hm" })[0]).toMatchObject({
      reasoning_content: "hm",
    });
    expect(lowerFor({ thoughts, thinks: false }, called)[0]).not.toHaveProperty(
      "reasoning_content",
    );
    expect(lowerFor({ thoughts }, thought)[0]).toMatchObject({ reasoning_content: "2 and 2" });
  });

  test("that neighbours of one role become one message", () => {
    const user = (content: string) => ({ role: "user", content });
    expect(lowerFor({ alternating_roles: true }, user("a"), user("b"), thought, user("c"))).toEqual(
      [user("a\n\nb"), { role: "assistant", content: "4" }, user("c")],
    );
  });

  test("that calls and their results are never joined", () => {
    const lowered = lowerFor({ alternating_roles: true }, called, called, result("1"), result("2"));
    expect(lowered.map(({ role }) => role)).toEqual([
      "user",
      "assistant",
      "tool",
      "assistant",
      "tool",
      "tool",
    ]);
  });

  test("that the first user message has the system's words", () => {
    const system = (content: string) => ({ role: "system", content });
    const user = { role: "user", content: "Hi" };
    expect(lowerFor({ system_role: false }, system("a"), user, system("b"))).toEqual([
      { role: "user", content: "a\n\nb\n\nHi" },
    ]);
    expect(lowerFor({ system_role: false }, system("a"))).toEqual([{ role: "user", content: "a" }]);
  });

  test("that results name their tool and calls have fields of their own", () => {
    const flags = { tool_result_names: true, tool_call_fields: { extra_content: { google: {} } } };
    const [asked, told] = lowerFor(flags, called, result("1"));
    expect(asked?.tool_calls?.[0]).toMatchObject({ extra_content: { google: {} } });
    expect(told).toMatchObject({ role: "tool", name: "f" });
  });

  const media = (...images: string[]) => ({ role: "user", content: "", images });
  const wav = Buffer.from("RIFF1234WAVEfmt").toString("base64");

  test("that it hears", () => {
    expect(lowerFor({ audio: true }, media(wav))[0]?.content).toEqual([
      { type: "input_audio", input_audio: { data: wav, format: "wav" } },
    ]);
  });

  test("that URLs of images go through", () => {
    const url = "https://example.com/cat.png";
    expect(lowerFor({ imageUrls: true }, media(url))[0]?.content).toEqual([
      { type: "image_url", image_url: { url } },
    ]);
  });

  test.each([
    [{ audio: false }, wav, '"m" does not support audio'],
    [{ images: [] }, "/9j/AAAA", '"m" does not support images'],
    [{ images: ["image/png"] }, "/9j/AAAA", '"m" does not support images of type image/jpeg'],
    [{}, "https://example.com/cat.png", "illegal base64 data at input byte 5"],
  ])("what it does not take: %j", (flags, image, message) => {
    expect(() => lowerFor(flags, media(image))).toThrow(
      expect.objectContaining({ message, status: 400 }),
    );
  });
});
