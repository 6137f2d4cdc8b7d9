import { expect, test } from "vitest";
import {
  keyUse,
  keyVerdicts,
  type KeyFacts,
  type KeyVerdict,
} from "../../../src/cli/check-keys.ts";

const facts: KeyFacts = {
  looks: ["listed"],
  isListGuarded: true,
  used: 0,
  use: "none",
  hasKeys: true,
};

test.for<[what: string, seen: Partial<KeyFacts>, verdicts: readonly KeyVerdict[]]>([
  ["a guarded list was told", {}, ["yes"]],
  ["anybody may read the list", { isListGuarded: false }, ["unknown"]],
  [
    "anybody may read the list, and a model answered",
    { isListGuarded: false, use: "answered" },
    ["yes"],
  ],
  ["the list is refused", { looks: ["rejected"] }, ["rejected"]],
  ["the list is refused, but a model answered", { looks: ["rejected"], use: "answered" }, ["yes"]],
  ["the list was told, and the model refused", { use: "rejected" }, ["rejected"]],
  ["nothing answered", { looks: ["failed"] }, ["unknown"]],
  ["the list is configured", { looks: ["not asked"] }, ["unknown"]],
  ["no key, and a model answered", { hasKeys: false, use: "answered" }, ["not needed"]],
  ["no key, and only the list was told", { hasKeys: false }, ["unknown"]],
  ["no key, and it wants one", { hasKeys: false, looks: ["rejected"] }, ["rejected"]],
  [
    "several keys, of which the second was used",
    { looks: ["rejected", "listed", "listed"], isListGuarded: false, used: 1, use: "answered" },
    ["rejected", "yes", "unknown"],
  ],
])("%s", ([, seen, verdicts]) => {
  expect(keyVerdicts({ ...facts, ...seen })).toEqual(verdicts);
});

test("only a rejection of the key speaks against it", () => {
  const reason = 'upstream "a" rejected the proxy\'s credentials';
  expect(keyUse({ result: "yes" })).toBe("answered");
  expect(keyUse({ result: "no", reason })).toBe("rejected");
  expect(keyUse({ result: "no", reason: "out of memory" })).toBe("none");
  expect(keyUse({ result: "not tried" })).toBe("none");
});
