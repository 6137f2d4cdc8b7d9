import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root } from "./source-files.ts";

let folder: string;

beforeAll(() => {
  // Inside the repository, for the sake of `import "vitest"`.
  mkdirSync(join(root, ".cache"), { recursive: true });
  folder = mkdtempSync(join(root, ".cache/fault-matrix-reporter-"));
  mkdirSync(join(folder, "test"));
  const rows = 'test("F-110: well", () => {}); describe("F-142", () => test("well", () => {}));';
  for (const [name, text] of [
    ["rows.test.ts", rows],
    ["other.test.ts", 'test("of no row", () => {});'],
  ] as const) {
    const imports = 'import { describe, test } from "vitest";\n';
    writeFileSync(join(folder, "test", name), `${imports}${text}\n`);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each([
  ["all tests fails", [], 1],
  ["a file passes", ["rows"], 0],
  ["tests of some names passes", ["-t", "well"], 0],
])("a run of %s where it leaves rows of 5E out", (_, command, expected) => {
  const { status, stdout } = spawnSync(
    process.execPath,
    [
      join(root, "node_modules/vitest/vitest.mjs"),
      "run",
      `--config=${join(root, "vitest.config.ts")}`,
      `--root=${folder}`,
      `--reporter=${join(root, "test/faults/matrix/reporter.ts")}`,
      ...command,
    ],
    { encoding: "utf8" },
  );
  expect(stdout).toContain("fault matrix, 5E: 2 rows run, 0 failed, 2 plays");
  expect(stdout).toMatch(/fault matrix, 5E: rows not run: F-111 .*F-140$/mu);
  expect(status).toBe(expected);
});
