import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { dialectIds } from "../../src/dialects/dialects.ts";
import { root } from "../support/source-files.ts";
import { features } from "./features.ts";
import { backendNames, type BackendName } from "./players/players.ts";
import { openStage, type Performance } from "./stage.ts";
import { withTables } from "./table.ts";

const page = join(root, "docs/COMPATIBILITY.md");

/** What no table can know: it depends on the model, or nothing is known of the backend. */
const learned: Partial<Record<BackendName, readonly string[]>> = {
  azure: ["`think` low"],
  "github-models": ["`think` low"],
  generic: ["`think` low", "`format` json"],
};

const performances = new Map<string, ReadonlyMap<string, Performance>>();

beforeAll(async () => {
  for (const name of backendNames) {
    const stage = await openStage(name, { dialect: name });
    const made = new Map<string, Performance>();
    for (const feature of Object.values(features).flat())
      made.set(feature.name, await stage.perform(feature));
    await stage.close();
    performances.set(name, made);
  }
}, 120_000);

test("every dialect has a backend that plays it", () => {
  expect(backendNames.toSorted()).toEqual(dialectIds.toSorted());
});

describe.each(backendNames)("%s", (name) => {
  const made = () => [...(performances.get(name) ?? [])];

  test("loses nothing without a word", () => {
    expect(made().length).toBeGreaterThan(40);
    const problems = made().flatMap(([feature, { judgement }]) =>
      "problem" in judgement ? [`${feature}: ${judgement.problem}`] : [],
    );
    expect(problems).toEqual([]);
  });

  test("is asked only for what it takes", () => {
    const corrected = made().filter(
      ([, { judgement, refusals }]) =>
        refusals.length > 0 && "verdict" in judgement && judgement.verdict !== "refused",
    );
    expect(corrected.map(([feature]) => feature)).toEqual(learned[name] ?? []);
  });
});

test("docs/COMPATIBILITY.md has the tables that `npm run docs` writes", () => {
  const written = readFileSync(page, "utf8");
  const made = withTables(written, (backend, feature) => {
    const judgement = performances.get(backend)?.get(feature)?.judgement;
    return judgement !== undefined && "verdict" in judgement ? judgement.verdict : undefined;
  });
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(page, made);
  else expect(written).toBe(made);
});
