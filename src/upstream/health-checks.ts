import type { Config } from "../config/schema.ts";
import { toProxyError } from "../errors.ts";
import type { Logger } from "../observe/logger.ts";
import type { Circuit } from "./circuit.ts";

export interface HealthChecked {
  readonly id: string;
  readonly circuit: Circuit;
  /**
   * Looks whether the backend is well, at no cost.
   * @param timeout milliseconds
   * @throws when it is not
   */
  look(timeout: number): Promise<void>;
}

/** Looks at each backend now and then, and lets its circuit know. */
export class HealthChecks {
  readonly #upstreams: readonly HealthChecked[];
  readonly #settings: Config["health"];
  readonly #log: Logger;
  readonly #timers = new Map<HealthChecked, NodeJS.Timeout>();
  /** Looks in vain, in a row. */
  readonly #misses = new Map<HealthChecked, number>();

  constructor(upstreams: readonly HealthChecked[], settings: Config["health"], log: Logger) {
    this.#upstreams = upstreams;
    this.#settings = settings;
    this.#log = log;
  }

  start(): void {
    if (this.#settings.interval === 0) return;
    for (const upstream of this.#upstreams) this.#schedule(upstream);
  }

  /** A look under way ends by itself, in `timeout` at most, and changes nothing any more. */
  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  /** A fifth sooner or later, so that many proxies don't ask at once. */
  #schedule(upstream: HealthChecked): void {
    const delay = this.#settings.interval * (1 + 0.4 * (Math.random() - 0.5));
    const timer = setTimeout(() => void this.#check(upstream), delay);
    this.#timers.set(upstream, timer.unref());
  }

  async #check(upstream: HealthChecked): Promise<void> {
    const timer = this.#timers.get(upstream);
    const isStopped = () => this.#timers.get(upstream) !== timer;
    if (this.#isWanted(upstream)) {
      const problem = await problemOf(upstream, this.#settings.timeout);
      if (isStopped()) return;
      if (problem === undefined) this.#good(upstream);
      else this.#bad(upstream, problem);
    } else {
      this.#misses.delete(upstream);
    }
    this.#schedule(upstream);
  }

  /** Of a single backend there is nothing to gain while its answers tell that it is well. */
  #isWanted({ circuit }: HealthChecked): boolean {
    return this.#upstreams.length > 1 || circuit.state !== "closed";
  }

  /**
   * Only what had looked bad is tried again because it looks good: a backend whose list is well while
   * its answers fail would be tried over and over.
   */
  #good(upstream: HealthChecked): void {
    const { id, circuit } = upstream;
    const misses = this.#missesOf(upstream);
    if (misses >= this.#settings.fall) {
      this.#log.info({ upstream: id }, "upstream answers health checks again");
    }
    this.#misses.delete(upstream);
    if (misses > 0) circuit.allowProbe();
  }

  #bad(upstream: HealthChecked, problem: string): void {
    const { id, circuit } = upstream;
    const misses = this.#missesOf(upstream) + 1;
    this.#misses.set(upstream, misses);
    if (misses === this.#settings.fall) {
      this.#log.warn({ upstream: id, problem }, "upstream fails its health checks");
    }
    if (misses >= this.#settings.fall) circuit.trip();
  }

  #missesOf(upstream: HealthChecked): number {
    return this.#misses.get(upstream) ?? 0;
  }
}

async function problemOf(upstream: HealthChecked, timeout: number): Promise<string | undefined> {
  try {
    await upstream.look(timeout);
    return undefined;
  } catch (error) {
    return toProxyError(error).message;
  }
}
