// From the figures of all rounds to the table.
import { median } from "./statistics.mjs";

/** @typedef {{ proxy: Record<string, number>, pipe: Record<string, number> }} Round */

/**
 * @typedef {{
 *   title: string,
 *   unit: string,
 *   proxy: number[],
 *   pipe: number[],
 *   comparison: number[],
 *   compare: "ratio" | "difference",
 *   limit: string,
 *   verdict: "pass" | "FAIL" | "",
 * }} Row
 */

/**
 * @param {import("./scenarios.mjs").Scenario} scenario
 * @param {Round[]} rounds
 * @returns {Row[]}
 */
export function rowsOf({ figures }, rounds) {
  return figures.map(({ name, title, unit, compare, limit }) => {
    const values = (/** @type {"proxy" | "pipe"} */ side) =>
      rounds.map((round) => round[side][name] ?? Number.NaN);
    const proxy = values("proxy");
    const pipe = values("pipe");
    const comparison = proxy.map((value, index) => {
      const other = pipe[index] ?? Number.NaN;
      return compare === "ratio" ? value / other : value - other;
    });
    const row = { title, unit, compare, proxy, pipe, comparison };
    if (limit === undefined) return { ...row, limit: "", verdict: "" };
    const subject = limit.of === "proxy" ? `proxy ≤ ${limit.atMost} ${unit}` : `≤ ${limit.atMost}`;
    // Written so that a figure that is missing fails.
    const isMet = median(row[limit.of]) <= limit.atMost;
    return { ...row, limit: subject, verdict: isMet ? "pass" : "FAIL" };
  });
}

/** @param {readonly Row[]} rows */
export function tableOf(rows) {
  const cells = rows.map(({ title, unit, compare, proxy, pipe, comparison, limit, verdict }) => [
    `${title} (${unit})`,
    spread(proxy),
    spread(pipe),
    compare === "ratio" ? `${spread(comparison)} ×` : `${spread(comparison, "+")} ${unit}`,
    limit,
    verdict,
  ]);
  const heads = ["", "proxy", "bare pipe", "proxy to pipe", "target", ""];
  return aligned([heads, heads.map(() => "---"), ...cells]);
}

/**
 * @param {number[]} values
 * @param {string} plus Sign of a positive number.
 */
function spread(values, plus = "") {
  const text = (/** @type {number} */ value) =>
    `${value > 0 ? plus : ""}${value.toFixed(digitsFor(value))}`;
  const middle = text(median(values));
  if (values.length === 1) return middle;
  return `${middle} [${text(Math.min(...values))} – ${text(Math.max(...values))}]`;
}

/** @param {number} value */
function digitsFor(value) {
  const size = Math.abs(value);
  if (size >= 100) return 0;
  return size >= 10 ? 1 : 2;
}

/** @param {string[][]} lines */
function aligned(lines) {
  const width = (/** @type {number} */ column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0));
  return lines
    .map((line) => {
      const cells = line.map((cell, column) =>
        cell === "---" ? "-".repeat(width(column)) : cell.padEnd(width(column)),
      );
      return `| ${cells.join(" | ")} |`;
    })
    .join("\n");
}
