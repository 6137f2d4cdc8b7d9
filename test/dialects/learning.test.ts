import { describe, expect, test } from "vitest";
import { answerFeatures } from "./features/answers.ts";
import { backendNames, backends } from "./players/players.ts";
import { openStage } from "./stage.ts";

/** Those that refuse what they don't know; nobody can learn from one that ignores it. */
const strict = backendNames.filter((name) => backends[name].unknown !== undefined);

describe("what a strict backend refuses is learned once, and named", () => {
  test.each(strict)("%s, taken for a server that ignores what it does not know", async (name) => {
    const auth = name === "azure" ? "api-key" : "bearer";
    const stage = await openStage(name, { dialect: "generic-local", overrides: { auth } });
    const problems: string[] = [];
    const forgotten: string[] = [];
    for (const feature of Object.values(answerFeatures).flat()) {
      const { judgement } = await stage.perform(feature);
      if ("problem" in judgement) problems.push(`${feature.name}: ${judgement.problem}`);
      const again = await stage.perform(feature);
      if (again.refusals.length > 0) forgotten.push(feature.name);
    }
    await stage.close();
    expect({ problems, forgotten }).toEqual({ problems: [], forgotten: [] });
  });
});
