import { describe, expect, test } from "vitest";
import { newModel, settle } from "../../../src/models/new-model.ts";
import type { VirtualModel } from "../../../src/models/virtual-model.ts";

const modified_at = "2026-01-02T03:04:05Z";
const nothing = { parameters: {}, messages: [], license: [], info: {} };

function model(name: string, from: string, more: Partial<VirtualModel> = {}): VirtualModel {
  return { name: `${name}:latest`, from, modified_at, ...more };
}

test("what is empty is left out", () => {
  const identity = { name: "a:latest", from: "m", modified_at };
  expect(newModel(identity, { ...nothing, system: "", capabilities: [] })).toEqual(identity);
  const parts = { ...nothing, template: "{{ .Prompt }}", parameters: { top_k: 0 } };
  expect(newModel(identity, parts)).toEqual({
    ...identity,
    template: "{{ .Prompt }}",
    parameters: { top_k: 0 },
  });
});

describe("a model settles", () => {
  test("as it is over a backend's model, and over others", () => {
    const made = model("a", "b");
    expect(settle(made, [])).toBe(made);
    expect(settle(made, [model("b", "c"), model("c", "m")])).toBe(made);
  });

  test("on what it replaces by taking that one's parts along", () => {
    const old = model("a", "m", {
      system: "old",
      parameters: { top_k: 1, seed: 1 },
      license: ["MIT"],
    });
    const made = model("A", "a", { system: "new", parameters: { seed: 2 }, license: ["more"] });
    expect(settle(made, [old])).toEqual({
      ...model("A", "m"),
      system: "new",
      parameters: { top_k: 1, seed: 2 },
      license: ["MIT", "more"],
    });
  });

  test("on a backend's model of its own name, again and again", () => {
    const made = model("m", "m");
    expect(settle(made, [model("m", "m", { system: "old" })])).toEqual({ ...made, system: "old" });
  });

  test.each<[string, VirtualModel[]]>([
    ["the next but one", [model("b", "a"), model("a", "m")]],
    ["one that hides its base", [model("b", "c"), model("c", "A:latest")]],
  ])("never on itself: %s", (_, chain) => {
    expect(() => settle(model("a", "b"), chain)).toThrow(
      "model 'a:latest' can't be made of 'b', which is made of it",
    );
  });

  test("on no more than sixteen others", () => {
    const chain = Array.from({ length: 16 }, (_, depth) => model(`m${depth}`, `m${depth + 1}`));
    expect(() => settle(model("a", "m0"), chain)).toThrow("would stand on more than 16 others");
    expect(settle(model("a", "m1"), chain.slice(1)).from).toBe("m1");
  });
});
