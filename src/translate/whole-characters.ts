import type { Logprobs, TextPiece } from "./held-text.ts";

/**
 * Text of one kind. An emoji may come with one half of its surrogate pair in one event and the other
 * in the next: the first half waits; one that stays alone becomes U+FFFD, for a lone surrogate in
 * JSON breaks clients later. Log probabilities that come alone wait for the next text.
 */
export class WholeCharacters {
  readonly #type: TextPiece["type"];
  #half = "";
  #waiting: Logprobs;

  constructor(type: TextPiece["type"]) {
    this.#type = type;
  }

  push(piece: string, given: Logprobs): TextPiece[] {
    let text = this.#half + piece;
    let logprobs = given;
    if (this.#waiting !== undefined) {
      logprobs = [...this.#waiting, ...(given ?? [])];
      this.#waiting = undefined;
    }
    this.#half = "";
    const last = text.charCodeAt(text.length - 1);
    if (last >= 0xd800 && last <= 0xdbff) {
      this.#half = text.slice(-1);
      text = text.slice(0, -1);
    }
    if (text === "") {
      this.#waiting = logprobs;
      return [];
    }
    if (!text.isWellFormed()) text = text.toWellFormed();
    return [
      logprobs === undefined ? { type: this.#type, text } : { type: this.#type, text, logprobs },
    ];
  }

  end(): TextPiece[] {
    const text = this.#half === "" ? "" : "\uFFFD";
    if (this.#waiting !== undefined) return [{ type: this.#type, text, logprobs: this.#waiting }];
    return text === "" ? [] : [{ type: this.#type, text }];
  }
}
