import {
  beginningOf,
  HeldText,
  type Logprobs,
  type TextPiece,
  type TextStage,
} from "./held-text.ts";

/**
 * Ends an answer before the first text that was to stop it, for a backend that takes fewer such
 * texts than the client named. The one that is complete first counts, as if letters came one by one.
 */
export class StopTexts implements TextStage {
  readonly done = false;
  readonly #stops: readonly string[];
  readonly #held = new HeldText();
  /** Nothing that comes now belongs to the answer. */
  stopped = false;

  /** @param stops none of them empty */
  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  push(text: string, logprobs: Logprobs): TextPiece[] {
    if (this.stopped) return [];
    this.#held.add(text, logprobs);
    const stop = this.#firstStop();
    this.stopped = stop !== undefined;
    return this.#held.release("text-delta", stop ?? this.#safeLength());
  }

  end(): TextPiece[] {
    return this.stopped ? [] : this.#held.release("text-delta");
  }

  #firstStop(): number | undefined {
    const found = this.#stops
      .map((stop) => ({ start: this.#held.text.indexOf(stop), length: stop.length }))
      .filter(({ start }) => start >= 0)
      .toSorted((a, b) => a.start + a.length - (b.start + b.length) || a.start - b.start);
    return found[0]?.start;
  }

  /** What can't be part of a stop text that is still to come. */
  #safeLength(): number {
    return Math.min(...this.#stops.map((stop) => beginningOf(stop, this.#held.text)));
  }
}
