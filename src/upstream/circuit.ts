import type { Config } from "../config/schema.ts";
import type { CircuitState } from "../observe/upstream-metrics.ts";

export type CircuitSettings = Config["circuit"];

/** One request let through. Exactly one of the last three ends it; later calls do nothing. */
export interface Admission {
  /** The first content came: a circuit that was not closed closes. */
  answered(): void;
  succeed(): void;
  fail(): void;
  /** It ended without saying anything of the backend's health (client gone, 4xx, 429). */
  release(): void;
}

export interface CircuitOptions {
  /** Monotonic milliseconds. */
  readonly now?: () => number;
  readonly random?: () => number;
  /** Told of each change; of `half_open` when its probe goes. */
  readonly onChange?: (state: CircuitState) => void;
}

/** Between two requests that are let through as a last resort. */
const lastResortInterval = 1_000;

/**
 * Leaves a failing backend alone. Closed, it lets all requests through; open, none; half-open, one,
 * the probe, whose fate decides.
 */
export class Circuit {
  readonly #settings: CircuitSettings;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #onChange: (state: CircuitState) => void;
  #isClosed = true;
  #toldState: CircuitState = "closed";
  /** In a row; only a success ends the row. */
  #failures = 0;
  /** Counts the openings: what a request of an earlier era says is old news. */
  #era = 0;
  /** How long the next opening lasts. */
  #openTime: number;
  #openUntil = 0;
  #probe: Admission | undefined;
  #lastTry = Number.NEGATIVE_INFINITY;

  constructor(
    settings: CircuitSettings,
    { now = () => performance.now(), random = Math.random, onChange }: CircuitOptions = {},
  ) {
    this.#settings = settings;
    this.#openTime = settings.open;
    this.#now = now;
    this.#random = random;
    this.#onChange = onChange ?? (() => {});
  }

  /** `half_open` once the open time is over. */
  get state(): CircuitState {
    if (this.#isClosed) return "closed";
    return this.#now() < this.#openUntil ? "open" : "half_open";
  }

  /** In a row, as of now. */
  get failures(): number {
    return this.#failures;
  }

  /** Whether a request may go now. */
  get admits(): boolean {
    const { state } = this;
    return state === "closed" || (state === "half_open" && this.#probe === undefined);
  }

  /** Milliseconds until it may admit again, 0 when it does; while a probe is out, a guess. */
  get remaining(): number {
    if (this.admits) return 0;
    return this.state === "open" ? this.#openUntil - this.#now() : lastResortInterval;
  }

  /** @param lastResort also while it admits none, once a second */
  admit(lastResort = false): Admission | undefined {
    const { admits } = this;
    const mayTry = lastResort && this.#now() - this.#lastTry >= lastResortInterval;
    if (!admits && !mayTry) return undefined;
    const admission = this.#newAdmission();
    if (this.#isClosed) return admission;
    this.#lastTry = this.#now();
    if (admits) {
      this.#probe = admission;
      this.#tell("half_open");
    }
    return admission;
  }

  /** Active checks failed: opens it. */
  trip(): void {
    if (this.state !== "open") this.#open();
  }

  /** An active check succeeded: an open circuit lets its probe through now. */
  allowProbe(): void {
    this.#openUntil = this.#now();
  }

  #newAdmission(): Admission {
    const era = this.#era;
    let isOver = false;
    const end = (consequence?: () => void) => {
      if (isOver) return;
      isOver = true;
      if (era === this.#era) consequence?.();
      if (this.#probe === admission) this.#probe = undefined;
    };
    const admission: Admission = {
      answered: () => {
        if (!isOver && era === this.#era) this.#close();
      },
      succeed: () =>
        end(() => {
          this.#failures = 0;
          this.#close();
        }),
      fail: () => end(() => this.#failed(admission)),
      release: () => end(),
    };
    return admission;
  }

  /** Of a last resort it is no news, as long as the circuit is not closed. */
  #failed(admission: Admission): void {
    if (this.#isClosed) this.#failures += 1;
    const isEnough = this.#isClosed
      ? this.#failures >= this.#settings.failures
      : this.#probe === admission;
    if (isEnough) this.#open();
  }

  #close(): void {
    this.#isClosed = true;
    this.#openTime = this.#settings.open;
    this.#probe = undefined;
    this.#tell("closed");
  }

  /** For a fifth more or less, so that many proxies don't come back to a backend at once. */
  #open(): void {
    const { max_open } = this.#settings;
    const time = Math.min(this.#openTime * (1 + 0.4 * (this.#random() - 0.5)), max_open);
    this.#openUntil = this.#now() + time;
    this.#openTime = Math.min(this.#openTime * 2, max_open);
    this.#isClosed = false;
    this.#era += 1;
    this.#probe = undefined;
    this.#tell("open");
  }

  #tell(state: CircuitState): void {
    if (state === this.#toldState) return;
    this.#toldState = state;
    this.#onChange(state);
  }
}
