import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Logger } from "../observe/logger.ts";

/** What this process has too much of. */
export type Pressure = "event_loop" | "heap";

export interface OverloadLimits {
  /** Share of the heap; 0 for none. */
  readonly heap: number;
  /** Milliseconds; 0 for none. */
  readonly event_loop_delay: number;
}

/** Milliseconds between two looks. */
const interval = 100;

/** Milliseconds that a delay counts for: as long as clients are asked to wait. */
const rest = 1_000;

/** Of the time, what may go into collecting garbage. */
const collectingShare = 0.05;

/**
 * Whether this process has too much to do for new requests. The event loop is as late as the timer
 * of the look is; a mean, as libraries take it, would not see one long block among short turns.
 */
export class Overload {
  readonly #limits: OverloadLimits;
  readonly #log: Logger;
  readonly #mostHeap: number;
  #timer: NodeJS.Timeout | undefined;
  #due = 0;
  #lateUntil = 0;
  #heapIsFull = false;
  #collectAgain = 0;
  #last: Pressure | undefined;

  constructor(limits: OverloadLimits, log: Logger) {
    this.#limits = limits;
    this.#log = log;
    this.#mostHeap = limits.heap === 0 ? Infinity : limits.heap * oldGenerationLimit();
  }

  start(): void {
    this.#due = performance.now() + interval;
    this.#timer = setInterval(() => this.#look(), interval).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  get pressure(): Pressure | undefined {
    const now = performance.now();
    this.#lookAtDelay(now);
    if (now < this.#lateUntil) return "event_loop";
    return this.#heapIsFull ? "heap" : undefined;
  }

  #look(): void {
    const now = performance.now();
    this.#lookAtDelay(now);
    this.#lookAtHeap(now);
    // What collecting took is no delay of the kind that is measured here.
    this.#due = performance.now() + interval;
    const { pressure } = this;
    if (pressure === this.#last) return;
    this.#last = pressure;
    if (pressure === undefined) this.#log.info({}, "new requests are welcome again");
    else this.#log.warn({ pressure }, "new requests are refused: too much to do");
  }

  /** Also of each request: those that came meanwhile are read before the timers run. */
  #lookAtDelay(now: number): void {
    const { event_loop_delay: most } = this.#limits;
    if (most > 0 && now - this.#due > most) this.#lateUntil = now + rest;
  }

  /** Most of a heap that looks full may be garbage, of one large request for example. */
  #lookAtHeap(now: number): void {
    if (oldGeneration() <= this.#mostHeap) {
      this.#heapIsFull = false;
    } else if (now >= this.#collectAgain) {
      collectGarbage();
      this.#heapIsFull = oldGeneration() > this.#mostHeap;
      const end = performance.now();
      this.#collectAgain = end + (end - now) / collectingShare;
    }
  }
}

const mebibyte = 1024 * 1024;

/**
 * Bytes of long-lived objects at which V8 gives up. The limit that it tells has room for short-lived
 * ones on top: 48 MiB, from Node 24 on 192 (unless `--max-semi-space-size` says otherwise).
 */
function oldGenerationLimit(): number {
  // Only the version tells, and only Node 24 and later have this space.
  const spaces = getHeapSpaceStatistics().map((space) => space.space_name);
  const young = spaces.includes("shared_trusted_space") ? 192 : 48;
  return getHeapStatistics().heap_size_limit - young * mebibyte;
}

function oldGeneration(): number {
  let bytes = 0;
  for (const { space_name, space_used_size } of getHeapSpaceStatistics()) {
    if (!space_name.startsWith("new_")) bytes += space_used_size;
  }
  return bytes;
}

let collect: (() => void) | undefined;

/** By itself V8 collects only while a program allocates, so not where all requests are refused. */
function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as () => void;
    setFlagsFromString("--no-expose-gc");
  }
  collect();
}
