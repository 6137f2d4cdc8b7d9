import { describe, expect, test } from "vitest";
import { anthropic } from "../../../src/dialects/anthropic.ts";
import type { Dialect } from "../../../src/dialects/dialect.ts";
import { generic } from "../../../src/dialects/generic.ts";
import { koboldcpp } from "../../../src/dialects/koboldcpp.ts";
import { openaiReasoning } from "../../../src/dialects/openai.ts";
import type { ModelDefaults } from "../../../src/translate/model-defaults.ts";
import { withOpenAIDefaults } from "../../../src/translate/openai-defaults.ts";

const user = { role: "user", content: "Hi" };

function merged(
  path: string,
  body: Record<string, unknown>,
  model: Partial<ModelDefaults>,
  dialect: Dialect = generic,
) {
  return withOpenAIDefaults(
    path,
    body,
    { parameters: {}, messages: [], ...model },
    { model: "m", dialect, contextLength: undefined, imageUrls: true },
  );
}

describe("a limit of the client's", () => {
  test.each([
    ["/chat/completions", "max_tokens"],
    ["/chat/completions", "max_completion_tokens"],
    ["/completions", "max_tokens"],
    ["/responses", "max_output_tokens"],
    ["/messages", "max_tokens"],
  ])("%s: %s is the only one", (path, name) => {
    const body = { [name]: 50 };
    for (const dialect of [generic, openaiReasoning]) {
      expect(merged(path, body, { parameters: { num_predict: 9 } }, dialect)).toEqual({
        body,
        ignored: [],
      });
    }
  });

  test("is not put in for a backend that needs one", () => {
    expect(merged("/chat/completions", {}, {}, koboldcpp).body).toEqual({});
  });

  test("counts as none when it is null", () => {
    const body = { max_tokens: null, temperature: null };
    const parameters = { num_predict: 9, temperature: 0.5 };
    expect(merged("/chat/completions", body, { parameters }).body).toEqual({
      max_tokens: 9,
      temperature: 0.5,
    });
  });
});

describe("a system text of the client's wins", () => {
  test.each<[string, Record<string, unknown>]>([
    ["/chat/completions", { messages: [{ role: "system", content: "C" }, user] }],
    ["/chat/completions", { messages: [{ role: "developer", content: "C" }, user] }],
    ["/responses", { instructions: "C", input: "Hi" }],
    ["/responses", { input: [{ role: "developer", content: "C" }, user] }],
    ["/messages", { system: [{ type: "text", text: "C" }], messages: [user] }],
  ])("%s %j", (path, body) => {
    expect(merged(path, body, { system: "S" })).toEqual({ body, ignored: [] });
  });
});

describe("what can't be said is named", () => {
  test("a template", () => {
    for (const path of ["/chat/completions", "/completions", "/responses", "/messages"]) {
      expect(merged(path, {}, { template: "<{{ .Prompt }}>" }).ignored).toEqual(["template"]);
    }
  });

  test("parameters that the backend has no words for, and none that the client said", () => {
    const parameters = { top_k: 5, min_p: 0.1, alien: 1 };
    expect(merged("/chat/completions", { top_k: 1 }, { parameters })).toEqual({
      body: { top_k: 1 },
      ignored: ["options.alien", "options.min_p"],
    });
  });

  test("parameters that a model takes nowhere", () => {
    const parameters = { temperature: 0.5, num_predict: 9 };
    expect(merged("/responses", {}, { parameters }, openaiReasoning)).toEqual({
      body: { max_output_tokens: 9 },
      ignored: ["options.temperature"],
    });
  });

  test("stop texts beyond those that are taken", () => {
    const stop = ["a", "b"];
    const dialect = { ...generic, max_stops: 1 };
    expect(merged("/chat/completions", {}, { parameters: { stop } }, dialect)).toEqual({
      body: { stop: ["a"] },
      ignored: ["options.stop"],
    });
    expect(merged("/responses", {}, { parameters: { stop } }).ignored).toEqual(["options.stop"]);
  });
});

test("/messages has words for top_k, which a chat with the same backend has not", () => {
  const parameters = { top_k: 5, temperature: 2 };
  expect(merged("/messages", {}, { parameters }, anthropic)).toEqual({
    body: { top_k: 5, temperature: 1 },
    ignored: ["options.temperature"],
  });
});

test("embeddings get nothing", () => {
  const parameters = { temperature: 1 };
  expect(merged("/embeddings", { input: "x" }, { system: "S", template: "T", parameters })).toEqual(
    { body: { input: "x" }, ignored: [] },
  );
});
