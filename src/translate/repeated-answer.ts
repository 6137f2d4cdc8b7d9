import type { Logprobs, TextPiece, TextStage } from "./held-text.ts";

/** A short text may well be said twice. */
const leastLength = 16;

/** Drops a piece that says all that came before it once more, as xAI's last one may. */
export class RepeatedAnswer implements TextStage {
  readonly done = false;
  #said = "";

  push(text: string, logprobs: Logprobs): TextPiece[] {
    const repeats = text.length >= leastLength && text.length === this.#said.length;
    if (repeats && text === this.#said) return [];
    this.#said += text;
    return [
      logprobs === undefined
        ? { type: "text-delta", text }
        : { type: "text-delta", text, logprobs },
    ];
  }

  end(): TextPiece[] {
    return [];
  }
}
