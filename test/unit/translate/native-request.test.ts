import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../src/openai/json.ts";
import {
  isSilent,
  withKnownNames,
  withModel,
  withNativeDefaults,
  type NativeUse,
} from "../../../src/translate/native-request.ts";

const user = { role: "user", content: "hi" };
const empty = { parameters: {}, messages: [] };

describe("a request's members", () => {
  test("are known in any case, and others are left as they are", () => {
    expect(withKnownNames({ MODEL: "m", Keep_Alive: 1, Unheard: 2 })).toEqual({
      model: "m",
      keep_alive: 1,
      Unheard: 2,
    });
  });

  test("get the backend's name of the model", () => {
    expect(withModel({ name: "a", model: "a", stream: false }, "b")).toEqual({
      model: "b",
      stream: false,
    });
  });
});

test.each<[NativeUse, JsonObject, boolean]>([
  ["chat", {}, true],
  ["chat", { messages: [] }, true],
  ["chat", { messages: null }, true],
  ["chat", { messages: [user] }, false],
  ["generate", {}, true],
  ["generate", { prompt: "", images: [], suffix: "" }, true],
  ["generate", { prompt: "a" }, false],
  ["generate", { images: ["x"] }, false],
  ["generate", { suffix: "a" }, false],
  ["embed", {}, false],
  ["show", {}, false],
])("%s %j is silent: %s", (use, body, silent) => {
  expect(isSilent(use, body)).toBe(silent);
});

describe("a virtual model's defaults", () => {
  const model = {
    system: "S",
    template: "T",
    parameters: { temperature: 1, stop: ["a"] },
    messages: [{ role: "assistant", content: "hello" }],
  };
  const options = { temperature: 1, stop: ["a"] };

  test.each<[string, NativeUse, JsonObject, JsonObject, string[]]>([
    [
      "go before a chat",
      "chat",
      { messages: [user] },
      { messages: [{ role: "system", content: "S" }, ...model.messages, user], options },
      ["template"],
    ],
    ["leave silence alone", "chat", { messages: [] }, { messages: [], options }, []],
    [
      "go into a text request",
      "generate",
      { prompt: "a", system: "" },
      { prompt: "a", system: "S", template: "T", options },
      ["messages"],
    ],
    [
      "give way to the client's",
      "generate",
      { prompt: "a", system: "C", template: "D", options: { temperature: 0 } },
      { prompt: "a", system: "C", template: "D", options: { temperature: 0, stop: ["a"] } },
      ["messages"],
    ],
    [
      "are parameters only for raw text",
      "generate",
      { prompt: "a", raw: true },
      { prompt: "a", raw: true, options },
      [],
    ],
    [
      "are parameters only for vectors, and null is no value",
      "embed",
      { input: "a", options: { temperature: null, num_ctx: 5 } },
      { input: "a", options: { ...options, num_ctx: 5 } },
      [],
    ],
  ])("%s", (_, use, body, merged, ignored) => {
    expect(withNativeDefaults(use, body, model)).toEqual({ body: merged, ignored });
  });

  test.each<[NativeUse, JsonObject]>([
    ["chat", { messages: [user] }],
    ["generate", { prompt: "a" }],
    ["embed", { input: "a" }],
  ])("that are none change nothing in a %s request", (use, body) => {
    expect(withNativeDefaults(use, body, empty)).toEqual({ body, ignored: [] });
  });
});
