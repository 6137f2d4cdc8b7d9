// What is measured, with how much load, and what it must come to.
import {
  cpuTime,
  cpuTimeAndGaps,
  memoryOverStream,
  memoryPerStream,
  timeToFirstText,
} from "./measures.mjs";

/**
 * One row of the table.
 * - `compare`: how the two are compared, round by round.
 * - `limit`: what the median of the comparison, or of the proxy's own figure, may be at most.
 *
 * @typedef {{
 *   name: string,
 *   title: string,
 *   unit: string,
 *   compare: "ratio" | "difference",
 *   limit?: { of: "comparison" | "proxy", atMost: number },
 * }} Figure
 */

/**
 * `isFresh`: each round starts new processes.
 *
 * @typedef {{
 *   measure: import("./measures.mjs").Measure,
 *   isFresh: boolean,
 *   full: { load: import("./load.mjs").Load, rounds: number },
 *   quick: { load: import("./load.mjs").Load, rounds: number },
 *   figures: Figure[],
 * }} Scenario
 */

/** @type {Readonly<Record<string, Scenario>>} */
export const scenarios = {
  coalesced: {
    measure: cpuTime,
    isFresh: false,
    full: { load: { model: "coalesced", connections: 1, requests: 5 }, rounds: 5 },
    quick: { load: { model: "coalesced", connections: 1, requests: 3 }, rounds: 3 },
    figures: [
      {
        name: "cpu",
        title: "CPU per chunk, coalesced stream",
        unit: "µs",
        compare: "ratio",
        limit: { of: "comparison", atMost: 2 },
      },
    ],
  },
  paced: {
    measure: cpuTimeAndGaps,
    isFresh: false,
    full: { load: { model: "paced", connections: 300, requests: 1 }, rounds: 5 },
    quick: { load: { model: "paced", connections: 300, requests: 1 }, rounds: 2 },
    figures: [
      {
        name: "cpu",
        title: "CPU per chunk, 300 streams at 20/s",
        unit: "µs",
        compare: "ratio",
        limit: { of: "comparison", atMost: 1.6 },
      },
      { name: "gapP50", title: "gap between chunks, p50", unit: "ms", compare: "difference" },
      { name: "gapP99", title: "gap between chunks, p99", unit: "ms", compare: "difference" },
    ],
  },
  "one-per-write": {
    measure: cpuTime,
    isFresh: false,
    full: { load: { model: "one-per-write", connections: 64, requests: 1 }, rounds: 5 },
    quick: { load: { model: "one-per-write", connections: 64, requests: 1 }, rounds: 2 },
    figures: [
      {
        name: "cpu",
        title: "CPU per chunk, 64 streams, one event a write",
        unit: "µs",
        compare: "ratio",
      },
    ],
  },
  short: {
    measure: cpuTime,
    isFresh: false,
    full: { load: { model: "short", connections: 64, requests: 40 }, rounds: 5 },
    quick: { load: { model: "short", connections: 64, requests: 20 }, rounds: 2 },
    figures: [
      {
        name: "cpu",
        title: "CPU per request, not streamed, 64 at a time",
        unit: "µs",
        compare: "ratio",
      },
    ],
  },
  "first-text": {
    measure: timeToFirstText,
    isFresh: false,
    full: { load: { model: "one-token", connections: 1, requests: 500 }, rounds: 5 },
    quick: { load: { model: "one-token", connections: 1, requests: 200 }, rounds: 2 },
    figures: [
      { name: "p50", title: "time to first text, p50", unit: "ms", compare: "difference" },
      { name: "p99", title: "time to first text, p99", unit: "ms", compare: "difference" },
    ],
  },
  memory: {
    measure: memoryPerStream,
    isFresh: true,
    full: { load: { model: "slow", connections: 1000, requests: 1 }, rounds: 3 },
    quick: { load: { model: "slow", connections: 1000, requests: 1 }, rounds: 1 },
    figures: [
      {
        name: "memory",
        title: "memory per open stream, 1,000 open",
        unit: "KiB",
        compare: "ratio",
        limit: { of: "proxy", atMost: 60 },
      },
    ],
  },
  flat: {
    measure: memoryOverStream,
    isFresh: true,
    full: { load: { model: "endless", connections: 1, requests: 1 }, rounds: 3 },
    quick: { load: { model: "endless-brief", connections: 1, requests: 1 }, rounds: 1 },
    figures: [
      {
        name: "growth",
        title: "memory grown over one long stream",
        unit: "MiB",
        compare: "difference",
        limit: { of: "proxy", atMost: 10 },
      },
    ],
  },
};

/** @param {string} name */
export function scenarioNamed(name) {
  const scenario = scenarios[name];
  if (scenario === undefined) {
    throw new Error(`there is no "${name}", only ${Object.keys(scenarios).join(", ")}`);
  }
  return scenario;
}
