import { writeFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * Leaves the counts of a run in the file that TEST_COUNTS_FILE names, for a script that has more to
 * add. What keeps a test from running counts as failed too, or a file with a syntax error would
 * pass: a file or a group that cannot be collected or whose hook fails, a test without a result, an
 * error outside of every test.
 */
export default class CountingReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const file = process.env["TEST_COUNTS_FILE"];
    if (file === undefined) return;
    writeFileSync(file, JSON.stringify(countResults(modules, unhandledErrors)));
  }
}

function countResults(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): Counts {
  const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
  for (const module of modules) {
    const groups = [module, ...module.children.allSuites()];
    counts.failed += groups.filter((group) => group.errors().length > 0).length;
    if (module.state() === "queued") counts.failed += 1;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      counts[state === "pending" ? "failed" : state] += 1;
    }
  }
  return counts;
}
