// What Linux tells about a running process.
import { readdirSync, readFileSync } from "node:fs";

/**
 * CPU time of all threads so far, in microseconds. The scheduler counts it to the nanosecond;
 * `utime + stime` of /proc/PID/stat would do it in steps of 10 ms.
 *
 * @param {number} pid
 */
export function cpuMicroseconds(pid) {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(
      readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0],
    );
  }
  return nanoseconds / 1000;
}

/**
 * Memory in use (resident set), in KiB.
 *
 * @param {number} pid
 */
export function residentKibibytes(pid) {
  return figure(`/proc/${pid}/status`, /^VmRSS:\s+(\d+) kB$/m);
}

/** @param {number} pid */
export function openFilesLimit(pid) {
  return figure(`/proc/${pid}/limits`, /^Max open files\s+(\d+)/m);
}

/**
 * @param {string} path
 * @param {RegExp} pattern
 */
function figure(path, pattern) {
  const found = pattern.exec(readFileSync(path, "utf8"))?.[1];
  if (found === undefined) throw new Error(`${path} has no ${pattern.source}`);
  return Number(found);
}
