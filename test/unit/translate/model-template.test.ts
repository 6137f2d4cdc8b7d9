import { expect, test } from "vitest";
import { generic } from "../../../src/dialects/generic.ts";
import { groq } from "../../../src/dialects/groq.ts";
import { parseChatRequest, parseGenerateRequest } from "../../../src/ollama/requests.ts";
import { toMessages, toTemplatedGenerateRequest } from "../../../src/translate/generate-request.ts";
import { toTemplatedChatRequest } from "../../../src/translate/templated-chat.ts";

const dates = { currentDate: "2026-03-01", yesterdayDate: "2026-02-28" };
const user = { role: "user", content: "Hi" };
const pixel =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

function backend(dialect = generic) {
  return { model: "m", dialect, contextLength: undefined, imageUrls: false };
}

function generate(fields: object, own: string, dialect = generic) {
  const request = parseGenerateRequest({ model: "x", prompt: "Hi", ...fields });
  return toTemplatedGenerateRequest(request, own, toMessages(request), backend(dialect), dates);
}

function chat(dialect = generic) {
  const request = parseChatRequest({ model: "x", messages: [user] });
  const conversation = { request, messages: request.messages, tools: [], ignored: [] };
  return toTemplatedChatRequest(conversation, "<{{ .Prompt }}>", backend(dialect), dates);
}

test("a model's own template is rendered where bare text is completed", () => {
  for (const { path, body, ignored } of [generate({}, "<{{ .Prompt }}>"), chat()]) {
    expect(path).toBe("/completions");
    expect(body).toMatchObject({ prompt: "<Hi>" });
    expect(ignored).toEqual([]);
  }
});

test("elsewhere it is a chat, and the template is named", () => {
  for (const { path, body, ignored } of [generate({}, "<{{ .Prompt }}>", groq), chat(groq)]) {
    expect(path).toBe("/chat/completions");
    expect(body).toMatchObject({ messages: [user] });
    expect(ignored).toEqual(["template"]);
  }
});

test("it gives way to images and to gaps that it does not mention", () => {
  expect(generate({ images: [pixel] }, "<{{ .Prompt }}>")).toMatchObject({
    path: "/chat/completions",
    ignored: ["template"],
  });
  expect(generate({ suffix: "!" }, "<{{ .Prompt }}>")).toMatchObject({
    body: { prompt: "Hi", suffix: "!" },
    ignored: ["template"],
  });
  expect(generate({ suffix: "!" }, "<{{ .Prompt }}|{{ .Suffix }}>")).toMatchObject({
    body: { prompt: "<Hi|!>" },
    ignored: [],
  });
});

test("the client's own template and raw text come before it, and are never made a chat", () => {
  expect(generate({ template: "[{{ .Prompt }}]" }, "<{{ .Prompt }}>")).toMatchObject({
    body: { prompt: "[Hi]" },
    ignored: [],
  });
  expect(generate({ raw: true }, "<{{ .Prompt }}>")).toMatchObject({
    body: { prompt: "Hi" },
    ignored: [],
  });
  expect(() => generate({ template: "[{{ .Prompt }}]" }, "<{{ .Prompt }}>", groq)).toThrow(
    "a template is not supported by this backend",
  );
  expect(() => generate({ raw: true }, "<{{ .Prompt }}>", groq)).toThrow(
    "raw completion is not supported by this backend",
  );
});
