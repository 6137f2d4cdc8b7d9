import { readdirSync } from "node:fs";
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Reporter, TestCase, TestModule, TestSuite, Vitest } from "vitest/node";

const here = dirname(fileURLToPath(import.meta.url));

/** The rows of the fault matrix, by section; 5E is what concerns the process as a whole. */
const sections = {
  "5A": range(1, 16),
  "5B": range(20, 44),
  "5C": range(50, 79),
  "5D": range(80, 102),
} as const;
const process5E = range(110, 142);

interface Row {
  plays: number;
  failed: boolean;
}

/**
 * Counts the rows of the fault matrix that were run, by the ids in the names of tests, and fails a run
 * of the whole suite that left one out.
 */
export default class FaultMatrixReporter implements Reporter {
  #isWhole = true;

  onInit({ config }: Vitest): void {
    this.#isWhole = config.testNamePattern === undefined;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const suite = modules.filter(({ moduleId }) => dirname(moduleId) === here);
    if (suite.length === 0) return;
    const run = rowsOf(modules);
    const planned = Object.values(sections).flat();
    console.log(`\n${summary("fault matrix", planned, run)}`);
    const other = process5E.filter((id) => run.has(id));
    if (other.length > 0) console.log(summary("fault matrix, 5E", other, run));
    const missing = planned.filter((id) => !run.has(id));
    if (missing.length === 0) return;
    console.log(`fault matrix: rows not run: ${missing.join(" ")}`);
    if (this.#isWhole && isAllOf(suite)) process.exitCode = 1;
  }
}

function range(first: number, last: number): string[] {
  return Array.from(
    { length: last - first + 1 },
    (_, index) => `F-${String(first + index).padStart(2, "0")}`,
  );
}

function rowsOf(modules: readonly TestModule[]): ReadonlyMap<string, Row> {
  const rows = new Map<string, Row>();
  for (const test of modules.flatMap(({ children }) => [...children.allTests()])) {
    const { state } = test.result();
    if (state === "skipped") continue;
    for (const id of idsOf(test)) {
      const { plays, failed } = rows.get(id) ?? { plays: 0, failed: false };
      rows.set(id, { plays: plays + 1, failed: failed || state !== "passed" });
    }
  }
  return rows;
}

/** A test is of the rows that it names, or else of those that its group does. */
function idsOf({ name, parent }: TestCase | TestSuite): readonly string[] {
  const ids = name.match(/\bF-\d{2,3}\b/gu);
  if (ids !== null) return ids;
  return parent.type === "suite" ? idsOf(parent) : [];
}

function summary(title: string, ids: readonly string[], run: ReadonlyMap<string, Row>): string {
  const rows = ids.flatMap((id) => run.get(id) ?? []);
  const plays = rows.reduce((sum, row) => sum + row.plays, 0);
  const failed = ids.filter((id) => run.get(id)?.failed);
  const which = failed.length === 0 ? "" : ` (${failed.join(" ")})`;
  return `${title}: ${rows.length} rows run, ${failed.length} failed${which}, ${plays} plays`;
}

function isAllOf(suite: readonly TestModule[]): boolean {
  const present = new Set(suite.map(({ moduleId }) => basename(moduleId)));
  return readdirSync(here).every((name) => !name.endsWith(".test.ts") || present.has(name));
}
