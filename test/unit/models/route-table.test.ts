import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RouteConfig } from "../../../src/config/schema.ts";
import { RouteTable } from "../../../src/models/route-table.ts";

/** Routes that are told apart by their fallback. */
function tableOf(...names: string[]): RouteTable {
  const routes = names.map((name): [string, RouteConfig] => [name, { fallback: [name] }]);
  return new RouteTable(Object.fromEntries(routes));
}

function matched(table: RouteTable, name: string): string | undefined {
  const match = table.match(name);
  return match && `${match.config.fallback.join()}|${match.star}`;
}

describe("names", () => {
  test("are those without a star, as configured", () => {
    expect(tableOf("Fast", "gpt-*", "smart:latest", "*").names).toEqual(["Fast", "smart:latest"]);
  });

  test.for([
    ["fast", "Fast|"],
    ["FAST:latest", "Fast|"],
    ["registry.ollama.ai/library/fast", "Fast|"],
    ["smart", "smart:latest|"],
    ["fast:7b", undefined],
    ["faster", undefined],
    ["constructor", undefined],
    ["", undefined],
  ] as const)("are compared as Ollama compares them: %s", ([name, expected]) => {
    expect(matched(tableOf("Fast", "smart:latest"), name)).toBe(expected);
  });
});

describe("patterns", () => {
  const table = tableOf("*", "gpt-*", "gpt-5*", "gpt-5", "*-mini", "team/*/chat-*:*", "a*b*b");

  test.for([
    ["gpt-5", "gpt-5|"],
    ["gpt-5.1", "gpt-5*|.1"],
    ["gpt-4", "gpt-*|4"],
    ["gpt-", "gpt-*|"],
    ["gpt-4-mini", "*-mini|gpt-4"],
    ["llama3", "*|llama3"],
    ["team/Blue/chat-Qwen:7b", "team/*/chat-*:*|Blue"],
    ["team/blue/chat-qwen", "*|team/blue/chat-qwen"],
    ["abab", "a*b*b|"],
    ["aXbb", "a*b*b|X"],
    ["ab", "*|ab"],
    ["", "*|"],
  ] as const)("give way to exact names and to longer ones: %s", ([name, expected]) => {
    expect(matched(table, name)).toBe(expected);
  });

  test("of one length stay in their order", () => {
    expect(matched(tableOf("gpt-*", "*-mini", "*turbo"), "gpt-mini")).toBe("*-mini|gpt");
    expect(matched(tableOf("ab*", "*bc"), "abc")).toBe("ab*|c");
  });

  test("match nothing that lacks a part, or has one text where they have two", () => {
    const narrow = tableOf("a*b", "aba*aba");
    expect(matched(narrow, "a")).toBeUndefined();
    expect(matched(narrow, "aba")).toBeUndefined();
    expect(matched(narrow, "xab")).toBeUndefined();
    expect(matched(narrow, "abaaba")).toBe("aba*aba|");
  });

  test("keep the star's spelling, without what Ollama adds", () => {
    const local = tableOf("local/*", "*");
    expect(matched(local, "Local/Qwen/Qwen3-8B:latest")).toBe("local/*|Qwen/Qwen3-8B");
    expect(matched(local, " registry.ollama.ai/library/Qwen3-8B ")).toBe("*|Qwen3-8B");
  });

  test("match what is put in the star's place", () => {
    const word = fc.stringMatching(/^[A-Za-z0-9._-]{0,8}$/);
    fc.assert(
      fc.property(word, word, word, (before, star, after) => {
        const route = `${before}*${after}`;
        const match = tableOf(route).match(`${before}${star}${after}`);
        expect(match).toEqual({ config: { fallback: [route] }, star });
      }),
    );
  });

  test("take no longer than a name is long", () => {
    const stars = tableOf(`${"*a".repeat(20)}*b*`);
    expect(matched(stars, "a".repeat(500_000))).toBeUndefined();
  });
});
