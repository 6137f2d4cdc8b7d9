import { appendFileSync } from "node:fs";
import { expect } from "vitest";

/** Whether this is the short form of a run, as on every change. */
export const isShort = process.env["SOAK"] === "short";

/** The value of the full form or of the short one. */
export function size(full: number, short: number): number {
  return isShort ? short : full;
}

export interface Limit {
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** One line of the table that a run closes with. */
export interface Figure {
  readonly id: string;
  readonly what: string;
  readonly value: number;
  readonly limit: string;
  readonly verdict: "pass" | "FAIL" | "";
}

/**
 * Prints a figure and holds it against its limit, if it has one. A figure that misses fails the test,
 * after the others have been printed too.
 */
export function figure(id: string, what: string, value: number, limit: Limit = {}): void {
  const { atMost, atLeast } = limit;
  const isMet = value <= (atMost ?? Infinity) && value >= (atLeast ?? -Infinity);
  const isLimited = atMost !== undefined || atLeast !== undefined;
  const line: Figure = {
    id,
    what,
    value: Math.round(value * 1000) / 1000,
    limit: textOf(limit),
    verdict: isLimited ? (isMet ? "pass" : "FAIL") : "",
  };
  console.log([id, what, line.value, line.limit, line.verdict].join("  ").trimEnd());
  const file = process.env["FIGURES_FILE"];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(line)}\n`);
  // Written so that a figure that is no number fails.
  if (isLimited) expect.soft(isMet, `${id} ${what}: ${value}, limit ${line.limit}`).toBe(true);
}

function textOf({ atMost, atLeast }: Limit): string {
  if (atLeast !== undefined && atLeast === atMost) return `= ${atMost}`;
  const parts = [
    ...(atLeast === undefined ? [] : [`≥ ${atLeast}`]),
    ...(atMost === undefined ? [] : [`≤ ${atMost}`]),
  ];
  return parts.join(", ");
}
