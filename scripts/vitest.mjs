import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { oneFailed } from "./counts.mjs";
import { root } from "./prepare.mjs";

const countingReporter = "./test/support/counting-reporter.ts";

/** Runs the tests under the given Node binary and answers their counts. */
export function runVitest(options = [], node = process.execPath) {
  const folder = mkdtempSync(join(tmpdir(), "test-counts-"));
  const countsFile = join(folder, "counts.json");
  // A reporter named on the command line replaces the configured ones.
  const reporter = options.some((option) => option.startsWith("--reporter"))
    ? [`--reporter=${countingReporter}`]
    : [];
  const { status } = spawnSync(
    node,
    [join(root, "node_modules/vitest/vitest.mjs"), "run", ...options, ...reporter],
    {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
      env: {
        ...process.env,
        PATH: `${dirname(node)}${delimiter}${process.env.PATH}`,
        TEST_COUNTS_FILE: countsFile,
      },
    },
  );
  const counts = readCounts(countsFile);
  rmSync(folder, { recursive: true });
  return status !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

/** A run that ends before its counts are written has failed. */
function readCounts(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return oneFailed;
  }
}
