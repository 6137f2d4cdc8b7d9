import type { Marks } from "../translate/metrics.ts";

/** The marks of one request on the monotonic clock; wall-clock jumps change nothing. */
export class Stopwatch {
  readonly #start = performance.now();
  #responseHeaders: number | undefined;
  #firstToken: number | undefined;

  markResponseHeaders(): void {
    this.#responseHeaders ??= performance.now();
  }

  markFirstToken(): void {
    this.#firstToken ??= performance.now();
  }

  read(): Marks {
    return {
      start: this.#start,
      end: performance.now(),
      ...(this.#responseHeaders === undefined ? {} : { responseHeaders: this.#responseHeaders }),
      ...(this.#firstToken === undefined ? {} : { firstToken: this.#firstToken }),
    };
  }
}
