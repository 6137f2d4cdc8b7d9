import { describe, expect, test } from "vitest";
import {
  mergeChain,
  virtualModelSchema,
  type VirtualModel,
} from "../../../src/models/virtual-model.ts";

const plain: VirtualModel = {
  name: "tim:latest",
  from: "smol",
  modified_at: "2026-01-02T03:04:05.678Z",
};

describe("a chain of models", () => {
  test("of one without anything of its own is empty", () => {
    expect(mergeChain([plain])).toEqual({ parameters: {}, messages: [], license: [], info: {} });
  });

  test("lets the outer model win, and its parameters one by one", () => {
    const base: VirtualModel = {
      ...plain,
      system: "You are Tim.",
      template: "{{ .Prompt }}",
      parameters: { temperature: 0.5, stop: ["a", "b"], num_ctx: 512 },
      messages: [{ role: "user", content: "hi" }],
      license: ["MIT"],
      info: { context_length: 1, base: true },
      capabilities: ["completion"],
    };
    const outer: VirtualModel = {
      ...plain,
      name: "tom:latest",
      from: "tim",
      system: "You are Tom.",
      parameters: { temperature: 1, stop: ["c"] },
      messages: [{ role: "assistant", content: "hello" }],
      license: ["BSD", "second"],
      info: { context_length: 2 },
      capabilities: ["completion", "tools"],
    };
    expect(mergeChain([outer, base])).toEqual({
      system: "You are Tom.",
      template: "{{ .Prompt }}",
      parameters: { temperature: 1, stop: ["c"], num_ctx: 512 },
      messages: [{ role: "assistant", content: "hello" }],
      license: ["MIT", "BSD", "second"],
      info: { context_length: 2, base: true },
      capabilities: ["completion", "tools"],
    });
    expect(mergeChain([{ ...plain, from: "tim" }, base])).toEqual(mergeChain([base]));
  });

  test("takes what is empty for not given", () => {
    const base: VirtualModel = { ...plain, system: "s", template: "t", license: ["MIT"] };
    const outer: VirtualModel = { ...plain, system: "", template: "", messages: [], license: [] };
    expect(mergeChain([outer, base])).toEqual(mergeChain([base]));
  });

  test("goes over more than two, the nearest first", () => {
    const chain = ["c", "b", "a"].map((system) => ({
      ...plain,
      system,
      parameters: { [system]: 1 },
    }));
    expect(mergeChain([plain, ...chain])).toMatchObject({
      system: "c",
      parameters: { a: 1, b: 1, c: 1 },
    });
  });

  test("keeps a parameter with a special name a parameter", () => {
    const parameters = JSON.parse('{"__proto__": {"polluted": true}}') as Record<string, unknown>;
    const merged = mergeChain([{ ...plain, parameters }]);
    expect("polluted" in merged.parameters).toBe(false);
    expect(Object.keys(merged.parameters)).toEqual(["__proto__"]);
  });
});

describe("the check of a model", () => {
  const accepts = (change: object) => virtualModelSchema.safeParse({ ...plain, ...change }).success;

  test("takes what a person may write for the same", () => {
    const written = { ...plain, name: "tim", license: "MIT" };
    expect(virtualModelSchema.parse(written)).toEqual({ ...plain, license: ["MIT"] });
  });

  test.for<[what: string, change: object]>([
    ["a URL as its base", { from: "https://example.com/v1" }],
    ["another kind of URL", { from: "FILE:///etc/passwd" }],
    ["a URL without its kind", { from: "//example.com/model" }],
    ["a base of several lines", { from: "smol\nhttp" }],
    ["no base", { from: "" }],
    ["a very long base", { from: "x".repeat(2_000) }],
    ["a name that is none", { name: "../x" }],
    ["a field of a wrong type", { system: 1 }],
    ["an absent value in words", { system: null }],
    ["capabilities that are no words", { capabilities: [1] }],
    ["a time that is none", { modified_at: "yesterday" }],
    ["a message without a role", { messages: [{ content: "" }] }],
    ["options in a list", { parameters: [] }],
    ["options too deep to print", { parameters: JSON.parse(deep(300)) as object }],
  ])("refuses %s", ([, change]) => {
    expect(accepts({})).toBe(true);
    expect(accepts(change)).toBe(false);
  });

  test("takes what a later version may write, and keeps its members", () => {
    const later = { ...plain, draft: { from: "small" }, capabilities: ["flying", "tools"] };
    const messages = [{ role: "user", content: "hi" }];
    const richer = messages.map((message) => ({ ...message, images: [] }));
    expect(virtualModelSchema.parse({ ...later, messages: richer })).toEqual({
      ...later,
      capabilities: ["tools"],
      messages,
    });
  });

  test("has no prototype from a file", () => {
    const text = JSON.stringify(plain).replace(/\}$/, ',"__proto__":{"system":"CANARY"}}');
    expect(virtualModelSchema.parse(JSON.parse(text)).system).toBeUndefined();
  });

  test.for(["hf.co/org/model:Q4_K_M", "@cf/meta/llama-3", "accounts/a/models/b", "a b"])(
    "takes %s for the name of a base",
    (from) => {
      expect(accepts({ from })).toBe(true);
    },
  );
});

function deep(levels: number): string {
  return `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
}
