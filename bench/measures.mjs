// How each figure is taken. A measure gets a running target and answers its figures by name.
import { setTimeout as sleep } from "node:timers/promises";
import { play } from "./load.mjs";
import { modelNamed } from "./models.mjs";
import { cpuMicroseconds, openFilesLimit, residentKibibytes } from "./process-figures.mjs";
import { median, percentile } from "./statistics.mjs";

/** @typedef {import("./processes.mjs").Target} Target */
/** @typedef {import("./load.mjs").Load} Load */
/** @typedef {(target: Target, load: Load) => Promise<Record<string, number>>} Measure */

// Ends of answers and garbage collection go on for a moment after the last byte has come.
const settleMilliseconds = 50;
const sampleMilliseconds = 20;

/**
 * Code compiled, young generation of the heap grown, connections to the backend open. At most
 * 64 answers are open at a time, so that memory per stream is still to be paid afterwards.
 *
 * @type {readonly Load[]}
 */
const warmUpLoads = [
  { model: "coalesced", connections: 1, requests: 4 },
  { model: "one-per-write", connections: 64, requests: 1 },
  { model: "one-token", connections: 50, requests: 20 },
  { model: "short", connections: 50, requests: 10 },
];

/** @param {Target} target */
export async function warmUp(target) {
  for (const load of warmUpLoads) await play(target, load);
  await sleep(settleMilliseconds);
}

/**
 * CPU time for each event of a stream, or for each answer that is not streamed. All that the
 * process does for the request is in it.
 *
 * @type {Measure}
 */
export async function cpuTime(target, load) {
  return { cpu: await cpuPerEvent(target, load) };
}

/**
 * CPU time, and the time between two events of a stream as the client sees it, over all streams.
 *
 * @type {Measure}
 */
export async function cpuTimeAndGaps(target, load) {
  /** @type {number[]} */
  const gaps = [];
  const cpu = await cpuPerEvent(target, load, () => {
    /** @type {number | undefined} */
    let last;
    return () => {
      const now = performance.now();
      if (last !== undefined) gaps.push(now - last);
      last = now;
    };
  });
  return { cpu, gapP50: percentile(gaps, 0.5), gapP99: percentile(gaps, 0.99) };
}

/**
 * @param {Target} target
 * @param {Load} load
 * @param {import("./load.mjs").Watch} [watch]
 */
async function cpuPerEvent(target, load, watch) {
  const before = cpuMicroseconds(target.pid);
  await play(target, load, watch);
  await sleep(settleMilliseconds);
  const spent = cpuMicroseconds(target.pid) - before;
  return spent / (load.connections * load.requests * modelNamed(load.model).events);
}

/**
 * From the request's sending to the first text, one request at a time. The first text and not the
 * first byte, so that early headers are no advantage.
 *
 * @type {Measure}
 */
export async function timeToFirstText(target, load) {
  /** @type {number[]} */
  const times = [];
  await play(target, load, () => {
    const sent = performance.now();
    return () => times.push(performance.now() - sent);
  });
  return { p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
}

/**
 * The most memory seen while all streams were open, less that just before, by streams. The process
 * is fresh but for the warm-up: memory that a stream once took is not given back.
 *
 * @type {Measure}
 */
export async function memoryPerStream(target, load) {
  const needed = 2 * load.connections + 100; // Each stream has a client and a backend.
  const limit = openFilesLimit(target.pid);
  if (limit < needed) {
    throw new Error(`${needed} open files are needed, the limit is ${limit} (see \`ulimit -n\`)`);
  }
  const { events } = modelNamed(load.model);
  const before = residentKibibytes(target.pid);
  let begun = 0;
  let ended = 0;
  let most = 0;
  const timer = setInterval(() => {
    if (begun === load.connections && ended === 0) {
      most = Math.max(most, residentKibibytes(target.pid));
    }
  }, sampleMilliseconds);
  try {
    await play(target, load, () => {
      let count = 0;
      return () => {
        count += 1;
        if (count === 1) begun += 1;
        if (count === events) ended += 1;
      };
    });
  } finally {
    clearInterval(timer);
  }
  if (most === 0) throw new Error(`${load.connections} streams were never open at the same time`);
  return { memory: (most - before) / load.connections };
}

/**
 * How far the median memory in the last tenth of one long stream is over that in the first tenth.
 *
 * @type {Measure}
 */
export async function memoryOverStream(target, load) {
  const every = modelNamed(load.model).events / 200;
  /** @type {number[]} */
  const samples = [];
  let count = 0;
  await play(target, load, () => () => {
    count += 1;
    if (count % every === 0) samples.push(residentKibibytes(target.pid));
  });
  const tenth = samples.length / 10;
  return { growth: (median(samples.slice(-tenth)) - median(samples.slice(0, tenth))) / 1024 };
}
