import {
  beginningOf,
  HeldText,
  type Logprobs,
  type TextPiece,
  type TextStage,
} from "./held-text.ts";

const openings = ["<think>", "<thinking>", "<thought>", "<reasoning>"] as const;

/** Characters. Behind more white space than this a tag is no beginning. */
const maxWhiteSpace = 1024;

/** Characters. More than this before a `</think>` that nothing opened is an answer without one. */
const maxUndecided = 1024 * 1024;

/**
 * - `opening`: nothing but white space was seen;
 * - `undecided`: thoughts if `</think>` comes, else the answer;
 * - `opened`, `closed`: behind a tag, where white space is left out;
 * - `thinking`: up to the closing tag.
 */
type State = "opening" | "undecided" | "opened" | "thinking" | "closed";

/**
 * Thoughts that a backend leaves in the text, in tags at its very start. As in Ollama, white space
 * behind either tag goes, an answer that never closes its tag is all thoughts, and a tag further on
 * is text.
 */
export class ThinkTags implements TextStage {
  readonly #held = new HeldText();
  readonly #undecided = new HeldText();
  readonly #unopened: boolean;
  #state: State = "opening";
  #closing = "</think>";
  done = false;

  /** @param unopened whether a prompt may have opened the tag, so that only `</think>` comes */
  constructor(unopened: boolean) {
    this.#unopened = unopened;
  }

  push(text: string, logprobs: Logprobs): TextPiece[] {
    this.#held.add(text, logprobs);
    const pieces: TextPiece[] = [];
    let more = true;
    while (more) more = this.#step(pieces);
    if (this.done) pieces.push(...this.#held.release("text-delta"));
    return pieces;
  }

  end(): TextPiece[] {
    const rest = this.#held;
    switch (this.#state) {
      case "opening":
        return rest.release("text-delta");
      case "undecided":
        return [...this.#undecided.release("text-delta"), ...rest.release("text-delta")];
      case "thinking":
        return rest.release("thinking-delta");
      case "opened":
      case "closed":
        return [];
    }
  }

  /** Whether another step can be taken with what is held. */
  #step(pieces: TextPiece[]): boolean {
    switch (this.#state) {
      case "opening":
        return this.#open();
      case "opened":
        return this.#skipWhiteSpace(this.#held) && this.#enter("thinking");
      case "undecided":
      case "thinking":
        return this.#think(pieces);
      case "closed":
        this.done = this.#skipWhiteSpace(this.#held);
        return false;
    }
  }

  #open(): boolean {
    const begun = this.#held.text.trimStart();
    const space = this.#held.text.length - begun.length;
    if (space <= maxWhiteSpace) {
      const opening = openings.find((tag) => begun.startsWith(tag));
      if (opening !== undefined) {
        this.#closing = opening.replace("<", "</");
        this.#held.drop(space + opening.length);
        return this.#enter("opened");
      }
      if (openings.some((tag) => tag.startsWith(begun))) return false;
      if (this.#unopened) return this.#enter("undecided");
    }
    this.done = true;
    return false;
  }

  #think(pieces: TextPiece[]): boolean {
    const { text } = this.#held;
    const end = text.indexOf(this.#closing);
    const sure = end < 0 ? beginningOf(this.#closing, text) : end;
    const thoughts = this.#held.release("thinking-delta", sure);
    if (this.#state === "thinking") pieces.push(...thoughts);
    else for (const thought of thoughts) this.#undecided.add(thought.text, thought.logprobs);
    if (end < 0) {
      this.done = this.#undecided.text.length > maxUndecided;
      if (this.done) pieces.push(...this.#undecided.release("text-delta"));
      return false;
    }
    this.#held.drop(this.#closing.length);
    this.#skipWhiteSpace(this.#undecided);
    pieces.push(...this.#undecided.release("thinking-delta"));
    return this.#enter("closed");
  }

  #enter(state: State): true {
    this.#state = state;
    return true;
  }

  #skipWhiteSpace(held: HeldText): boolean {
    const rest = held.text.trimStart();
    held.drop(held.text.length - rest.length);
    return rest !== "";
  }
}
