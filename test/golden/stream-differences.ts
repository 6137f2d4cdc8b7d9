import type { Json } from "../support/ndjson.ts";
import type { Difference } from "./comparison.ts";

export const streamDifferences: readonly Difference[] = [];

interface RequestDifference {
  cases: readonly string[] | RegExp;
  field: string;
  reason: string;
  /** What we ask instead. */
  ours: Json;
}

export const requestDifferences: readonly RequestDifference[] = [];

/** What `/v1` clients get where it is not what the backend sent. */
export const v1Differences: readonly Difference[] = [];
