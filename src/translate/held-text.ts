import type { TextDelta, ThinkingDelta, TokenLogprob } from "./events.ts";

export type TextPiece = TextDelta | ThinkingDelta;
export type Logprobs = readonly TokenLogprob[] | undefined;

/** One step between the backend's text and the client's. It may hold text back until more is known. */
export interface TextStage {
  /** Whether all that comes would pass as it is, so that the step can be left out. */
  readonly done: boolean;
  push(text: string, logprobs: Logprobs): TextPiece[];
  end(): TextPiece[];
}

/**
 * Text that waits, with the log probabilities of its tokens: a token leaves with the text that its
 * last character is in.
 */
export class HeldText {
  text = "";
  readonly #tokens: TokenLogprob[] = [];
  /** Characters of the first token that have left already. */
  #begun = 0;

  add(text: string, logprobs: Logprobs): void {
    this.text += text;
    for (const token of logprobs ?? []) this.#tokens.push(token);
  }

  /** The first characters, as one piece; none where nothing waits. */
  release(type: TextPiece["type"], length = this.text.length): TextPiece[] {
    const text = this.text.slice(0, length);
    const logprobs = this.#cut(length);
    if (logprobs.length > 0) return [{ type, text, logprobs }];
    return text === "" ? [] : [{ type, text }];
  }

  /** Takes the first characters away for good. */
  drop(length: number): void {
    this.#cut(length);
  }

  #cut(length: number): readonly TokenLogprob[] {
    const whole = length >= this.text.length;
    this.text = this.text.slice(length);
    let count = 0;
    let left = this.#begun + length;
    for (const { token } of this.#tokens) {
      if (!whole && token.length > left) break;
      left -= token.length;
      count += 1;
    }
    this.#begun = count === this.#tokens.length ? 0 : left;
    return this.#tokens.splice(0, count);
  }
}

/** Where the end of a text may be the beginning of what is sought; the text's length if nowhere. */
export function beginningOf(sought: string, text: string): number {
  let at = text.indexOf(sought.charAt(0), Math.max(0, text.length - sought.length + 1));
  while (at >= 0 && !sought.startsWith(text.slice(at))) at = text.indexOf(sought.charAt(0), at + 1);
  return at < 0 ? text.length : at;
}
