import type { ProxyError } from "../errors.ts";
import type { Logger } from "./logger.ts";
import { restReason, type CircuitState, type UpstreamMetrics } from "./upstream-metrics.ts";

const transitions = {
  open: ["warn", "the backend fails, and is left alone for a while"],
  half_open: ["debug", "one request may try the backend"],
  closed: ["info", "the backend answers again"],
} as const;

/** An alarm that comes back this soon after the last, in milliseconds, is the same. */
const sameAlarm = 60_000;

/** What happens to backends, in the log and in the metrics. */
export class UpstreamLog {
  readonly #log: Logger;
  readonly #metrics: UpstreamMetrics;
  readonly #now: () => number;
  /** Until when each key, by backend and place, rests with an alarm. */
  readonly #alarms = new Map<string, number>();

  constructor(log: Logger, metrics: UpstreamMetrics, now = () => performance.now()) {
    this.#log = log;
    this.#metrics = metrics;
    this.#now = now;
  }

  circuit(upstream: string, state: CircuitState): void {
    const [level, message] = transitions[state];
    this.#log[level]({ upstream, circuit: state }, message);
    this.#metrics.countTransition(upstream, state);
  }

  /**
   * @param key its place; 0 for the whole backend
   * @param alarm it will not get better by itself: somebody has to see to the key, or pay
   */
  rested(upstream: string, key: number, seconds: number, error: ProxyError, alarm: boolean): void {
    const reason = restReason(error, alarm);
    const fields = { upstream, key, seconds: Math.round(seconds), reason };
    if (alarm && !this.#isRaised(upstream, key)) {
      this.#log.error(fields, "a key does not work, and somebody has to see to it");
    } else this.#log.info(fields, key === 0 ? "the backend rests" : "a key rests");
    this.#metrics.countRest(upstream, reason);
    if (alarm) this.#alarms.set(`${upstream} ${key}`, this.#now() + seconds * 1000);
  }

  #isRaised(upstream: string, key: number): boolean {
    const until = this.#alarms.get(`${upstream} ${key}`) ?? Number.NEGATIVE_INFINITY;
    return until + sameAlarm > this.#now();
  }
}
