import { HeldText, type Logprobs, type TextPiece, type TextStage } from "./held-text.ts";

/** Cuts off the beginning that some backends repeat when they continue a message. */
export class EchoedPrefix implements TextStage {
  readonly #prefix: string;
  readonly #held = new HeldText();
  done = false;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  push(text: string, logprobs: Logprobs): TextPiece[] {
    this.#held.add(text, logprobs);
    if (this.#held.text.startsWith(this.#prefix)) this.#held.drop(this.#prefix.length);
    else if (this.#prefix.startsWith(this.#held.text)) return [];
    this.done = true;
    return this.#held.release("text-delta");
  }

  end(): TextPiece[] {
    return this.#held.release("text-delta");
  }
}
