// Runs the scripts of a folder that measure something, and closes with the table of their figures.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { close, oneFailed } from "./counts.mjs";
import { prepare } from "./prepare.mjs";
import { runVitest } from "./vitest.mjs";

/**
 * `--short` (or SOAK=short) is the form that runs on every change; any other argument picks the files
 * whose names have it.
 */
export function runFigures(folder, argv = process.argv.slice(2)) {
  const isShort = argv.includes("--short") || process.env.SOAK === "short";
  const wanted = argv.filter((argument) => argument !== "--short");
  const scratch = mkdtempSync(join(tmpdir(), "figures-"));
  const file = join(scratch, "figures.ndjson");
  process.env.FIGURES_FILE = file;
  process.env.SOAK = isShort ? "short" : "full";
  try {
    prepare();
    const files = wanted.length > 0 ? wanted.map((name) => join(folder, name)) : [folder];
    const counts = runVitest(["--config", "test/soak/vitest.config.ts", ...files]);
    const figures = readFigures(file);
    if (figures.length > 0) console.log(`\n${tableOf(figures)}\n`);
    close(counts);
  } catch (error) {
    console.error(`FAIL  ${error.message}`);
    close(oneFailed);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function readFigures(file) {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line));
}

function tableOf(figures) {
  const rows = figures.map(({ id, what, value, limit, verdict }) => [
    id,
    what,
    String(value),
    limit,
    verdict,
  ]);
  const width = (column) => Math.max(...rows.map((row) => row[column].length));
  const widths = [0, 1, 2, 3, 4].map(width);
  return rows
    .map((row) =>
      row
        .map((cell, at) => (at === 2 ? cell.padStart(widths[at]) : cell.padEnd(widths[at])))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
