import { expect, test } from "vitest";
import { checkRoutes, deadEnds } from "../../../src/cli/check-routes.ts";
import { configSchema, type ConfigFile } from "../../../src/config/schema.ts";

const lists = (id: string, ...names: string[]) => ({
  state: { id },
  served: names.map((name) => ({ id: name, name: `${name.toLowerCase()}:latest` })),
});

const silent = { state: { id: "silent", problem: "is unreachable" }, served: [] };
const backends = [
  lists("a", "Llama3", "qwen3"),
  lists("b", "llama3", "gpt-5", "gpt-5-mini"),
  silent,
];

const checked = (routes: ConfigFile["routes"]) =>
  checkRoutes(configSchema.parse({ routes }), backends);

test("says of every target whether the backend lists its model", () => {
  const targets = [
    { upstream: "a", model: "Llama3" },
    { upstream: "a" },
    { upstream: "silent" },
    { upstream: "ghost" },
  ];
  const [route] = checked({ smart: { policy: "round-robin", targets } });
  expect(route).toEqual({
    name: "smart",
    policy: "round-robin",
    targets: [
      { upstream: "a", model: "Llama3", listed: "yes" },
      { upstream: "a", model: "smart", listed: "no" },
      { upstream: "silent", model: "smart", listed: "unknown" },
      { upstream: "ghost", model: "smart", listed: "no such backend" },
    ],
    fallback: [],
  });
  expect(route === undefined ? [] : deadEnds(route)).toEqual([
    "smart: a does not list smart",
    "smart: there is no backend ghost",
  ]);
});

test("without targets, names the backends that have the model, or may", () => {
  const [route] = checked({ llama3: {} });
  expect(route?.policy).toBe("priority");
  expect(route?.targets.map(({ upstream, listed }) => [upstream, listed])).toEqual([
    ["a", "yes"],
    ["b", "yes"],
    ["silent", "unknown"],
  ]);
});

test("counts the models that a name with a star stands for", () => {
  const [open, aimed] = checked({
    "gpt-*": {},
    "*": { targets: [{ upstream: "b", model: "gpt-*" }, { upstream: "a" }] },
  });
  expect(open?.targets[0]).toEqual({ upstream: "b", model: "gpt-*", listed: 2 });
  expect(aimed?.targets.map(({ listed }) => listed)).toEqual([2, 2]);
});

test("a fallback is a model of any backend, or another route", () => {
  const [first] = checked({ one: { fallback: ["qwen3", "two", "three", "b/gpt-5"] }, two: {} });
  expect(first?.fallback).toEqual([
    { model: "qwen3", listed: "yes" },
    { model: "two", listed: "yes" },
    { model: "three", listed: "unknown" },
    { model: "b/gpt-5", listed: "yes" },
  ]);
});
