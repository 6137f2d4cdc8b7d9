import type { AnswerWatch } from "./response-handler.ts";

/** Signs of life: good answers that run, or have run since somebody last felt for them. */
export class Pulse implements AnswerWatch {
  #running = 0;
  #wasFelt = false;

  begins(): void {
    this.#running += 1;
  }

  ends(): void {
    this.#running -= 1;
    this.#wasFelt = true;
  }

  /** Whether there was any since the last time. */
  take(): boolean {
    const isFelt = this.#wasFelt || this.#running > 0;
    this.#wasFelt = false;
    return isFelt;
  }
}
