import { describe, expect, test } from "vitest";
import {
  comparableName,
  isValidModelName,
  qualifiedName,
  withTag,
} from "../../../src/ollama/model-name.ts";

test.each([
  "m",
  "llama3.2",
  "llama3.2:1b",
  "library/m:latest",
  "registry.example.com:5000/team/m:tag",
  "gpt-4o",
  "_m",
  "M",
  "m:a.b_c-d",
  "x".repeat(80),
])("%s is a name", (name) => {
  expect(isValidModelName(name)).toBe(true);
});

test.each([
  "",
  ":latest",
  "m:",
  "-m",
  ".m",
  "m m",
  "a/b/c/d",
  "/m",
  "m/",
  "a//b",
  "m:a:b",
  "m:a/b",
  "ü",
  "m@1",
  "../m",
  "x".repeat(81),
  `m:${"x".repeat(81)}`,
])("%j is none", (name) => {
  expect(isValidModelName(name)).toBe(false);
});

test.each([
  ["m", "m:latest"],
  ["m:1b", "m:1b"],
  ["team/m", "team/m:latest"],
  ["host:5000/team/m", "host:5000/team/m:latest"],
])("%s is listed as %s", (name, tagged) => {
  expect(withTag(name)).toBe(tagged);
});

describe("names mean the same", () => {
  test.each([
    ["m", "m:latest"],
    ["m", "M"],
    ["m", " m "],
    ["m:1b", "M:1B"],
    ["m", "library/m"],
    ["m", "registry.ollama.ai/library/m:latest"],
    ["Qwen/Qwen3-8B", "qwen/qwen3-8b:latest"],
  ])("%s and %s", (one, other) => {
    expect(comparableName(one)).toBe(comparableName(other));
  });

  test.each([
    ["m", "m:1b"],
    ["m", "team/m"],
    ["m:latest-x", "m"],
  ])("but not %s and %s", (one, other) => {
    expect(comparableName(one)).not.toBe(comparableName(other));
  });
});

test.each([
  ["m", "registry.ollama.ai/library/m:latest"],
  ["team/m:1b", "registry.ollama.ai/team/m:1b"],
])("%s in full is %s", (name, full) => {
  expect(qualifiedName(name)).toBe(full);
});
