import { describe, expect, test } from "vitest";

/** One test of a suite in another language. */
export interface ExternalTest {
  name: string;
  outcome: "passed" | "failed" | "skipped";
  /** What it printed. */
  output: string;
}

export interface ExternalRun {
  exitCode: number;
  tests: ExternalTest[];
  /** What the run printed besides. */
  output: string;
}

/** Makes every test of a finished run a test of this one, so that each is counted and shown. */
export function reportRun(name: string, run: ExternalRun): void {
  describe(name, () => {
    test("the run comes to its end", () => {
      const hasFailures = run.tests.some(({ outcome }) => outcome === "failed");
      expect(run.tests.length > 0 && (run.exitCode === 0 || hasFailures), run.output).toBe(true);
    });
    for (const { name: testName, outcome, output } of run.tests) {
      test.skipIf(outcome === "skipped")(testName, () => {
        if (outcome === "failed") expect.fail(output);
      });
    }
  });
}
