import { setTimeout as sleep } from "node:timers/promises";
import type { Generation } from "./generation.ts";
import type { Logger } from "./observe/logger.ts";
import type { Upstream } from "./upstream/upstream.ts";

/** Milliseconds that a new generation waits for its new backends to tell their models. */
const patience = 5_000;

/** The generation that answers requests, and those before it, each until its last request has ended. */
export class GenerationSwitch {
  readonly #log: Logger;
  readonly #inUse: Set<Generation>;
  /** Those of the generations in use, and those that are being closed. */
  readonly #upstreams = new Set<Upstream>();
  #current: Generation;
  #closed = false;
  #replacing: Promise<void> = Promise.resolve();

  constructor(first: Generation, log: Logger) {
    this.#log = log;
    this.#current = first;
    this.#inUse = new Set([first]);
    for (const upstream of first.upstreams) this.#upstreams.add(upstream);
  }

  get current(): Generation {
    return this.#current;
  }

  /**
   * Puts another in its place, once that knows its models; no request ever meets one that does not.
   * @throws what `make` throws, and nothing has changed
   */
  async replace(make: (earlier: Generation) => Generation): Promise<void> {
    const turn = this.#replacing.then(() => this.#replace(make));
    this.#replacing = turn.catch(() => {});
    await turn;
  }

  /** Closes the connections to all backends, those in use too. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#current.healthChecks.stop();
    await Promise.all([...this.#upstreams].map((upstream) => upstream.close()));
  }

  async #replace(make: (earlier: Generation) => Generation): Promise<void> {
    if (this.#closed) return;
    const earlier = this.#current;
    const next = make(earlier);
    this.#inUse.add(next);
    for (const upstream of next.upstreams) this.#upstreams.add(upstream);
    const known = next.takeOver(earlier);
    await Promise.race([known, sleep(patience, undefined, { ref: false })]);
    if (this.#closed) return;
    earlier.healthChecks.stop();
    next.healthChecks.start();
    this.#current = next;
    void this.#retire(earlier);
  }

  async #retire(generation: Generation): Promise<void> {
    await generation.idle();
    this.#inUse.delete(generation);
    const stillUsed = new Set([...this.#inUse].flatMap(({ upstreams }) => upstreams));
    const unused = generation.upstreams.filter((upstream) => !stillUsed.has(upstream));
    const { drain_timeout } = generation.services.config.shutdown;
    await Promise.all(unused.map((upstream) => this.#closeGently(upstream, drain_timeout)));
  }

  /** What was asked on the side, a model to be loaded say, may go on for as long. */
  async #closeGently(upstream: Upstream, timeout: number): Promise<void> {
    await Promise.race([
      upstream.retire().catch(() => {}),
      sleep(timeout, undefined, { ref: false }),
    ]);
    await upstream.close();
    this.#upstreams.delete(upstream);
    this.#log.debug(
      { upstream: upstream.id },
      "the connections of the earlier configuration are closed",
    );
  }
}
