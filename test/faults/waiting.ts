import { setTimeout as sleep } from "node:timers/promises";

/** Waits for what must come soon; the limit is far beyond what it should take. */
export async function until(what: string, isSo: () => boolean, limit = 1_000): Promise<number> {
  const start = performance.now();
  while (!isSo()) {
    if (performance.now() - start > limit) throw new Error(`${what}: not within ${limit} ms`);
    await sleep(2);
  }
  return performance.now() - start;
}
