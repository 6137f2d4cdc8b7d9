import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Reporter, TestCase, TestModule, TestSuite, Vitest } from "vitest/node";

const here = dirname(fileURLToPath(import.meta.url));
const matrix = readdirSync(here)
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => join(here, name));

/** The rows of one exchange: 5A to 5D. */
const exchanges = [range(1, 16), range(20, 44), range(50, 79), range(80, 102)].flat();
/** Those rows of 5E that concern one process; docs/decisions/0018-fault-matrix.md names the others. */
const processes = [range(110, 113), range(116, 123), range(135, 140), range(142, 142)].flat();

interface Row {
  plays: number;
  failed: boolean;
}

/**
 * Counts the rows of the fault matrix that were run, by the ids in the names of tests. A run of the
 * whole suite that left one out has failed, and so has a run of all tests that left out one of 5E.
 */
export default class FaultMatrixReporter implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  async onTestRunEnd(modules: readonly TestModule[]): Promise<void> {
    const present = new Set(modules.map(({ moduleId }) => moduleId));
    const run = rowsOf(modules);
    if (matrix.some((path) => present.has(path))) {
      tell("fault matrix", exchanges, run, this.#isWhole(present, matrix));
    }
    if (processes.some((id) => run.has(id))) {
      const all = (await this.#vitest?.globTestSpecifications()) ?? [];
      const paths = all.map(({ moduleId }) => moduleId);
      tell("fault matrix, 5E", processes, run, this.#isWhole(present, paths));
    }
  }

  /** Whether no test of these files was left out by the command. */
  #isWhole(present: ReadonlySet<string>, paths: readonly string[]): boolean {
    const hasPattern = this.#vitest?.config.testNamePattern !== undefined;
    return !hasPattern && paths.every((path) => present.has(path));
  }
}

/** @param isWhole a row that was not run is a failure */
function tell(
  title: string,
  ids: readonly string[],
  run: ReadonlyMap<string, Row>,
  isWhole: boolean,
): void {
  console.log(`\n${summary(title, ids, run)}`);
  const missing = ids.filter((id) => !run.has(id));
  if (missing.length === 0) return;
  console.log(`${title}: rows not run: ${missing.join(" ")}`);
  if (isWhole) process.exitCode = 1;
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
