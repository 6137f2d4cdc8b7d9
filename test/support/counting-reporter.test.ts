import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./source-files.ts";

/** Each file, and what it adds to the counts. */
const files = {
  "passes.test.ts": `test("1", () => {}); test("2", () => {}); test.skip("3", () => {});`, // 2, 0, 1
  "fails.test.ts": `test("1", () => { throw new Error(); });`, // 0, 1, 0
  "syntax-error.test.ts": `test("1", () => {{`, // 0, 1, 0
  "no-test.test.ts": `export const nothing = 0;`, // 0, 1, 0
  "hook.test.ts": `beforeAll(() => { throw new Error(); }); test("1", () => {});`, // 0, 1, 1
  "unhandled.test.ts": `test("1", async () => { void Promise.reject(new Error()); await new Promise(setImmediate); });`, // 1, 1, 0
};

test("counts as failed whatever keeps a test from passing", () => {
  // Inside the repository, for the sake of `import "vitest"`.
  mkdirSync(join(root, ".cache"), { recursive: true });
  const folder = mkdtempSync(join(root, ".cache/counting-reporter-"));
  try {
    mkdirSync(join(folder, "test"));
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(
        join(folder, "test", name),
        `import { beforeAll, test } from "vitest";\n${text}\n`,
      );
    }
    const countsFile = join(folder, "counts.json");
    const reporter = join(root, "test/support/counting-reporter.ts");
    const { status } = spawnSync(
      process.execPath,
      [
        join(root, "node_modules/vitest/vitest.mjs"),
        "run",
        `--config=${join(root, "vitest.config.ts")}`,
        `--root=${folder}`,
        `--reporter=${reporter}`,
      ],
      { env: { ...process.env, TEST_COUNTS_FILE: countsFile } },
    );
    expect(status).toBe(1);
    expect(JSON.parse(readFileSync(countsFile, "utf8"))).toEqual({
      passed: 3,
      failed: 5,
      skipped: 2,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
