import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";

/** Waits for what must come soon; the limit is far beyond what it should take. */
export async function until(what: string, isSo: () => boolean, limit = 1_000): Promise<number> {
  const start = performance.now();
  while (!isSo()) {
    if (performance.now() - start > limit) throw new Error(`${what}: not within ${limit} ms`);
    await sleep(2);
    // A timer that has just fired is still among the active resources in its own turn.
    await nextTurn();
  }
  return performance.now() - start;
}
