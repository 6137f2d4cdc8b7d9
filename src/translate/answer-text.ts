import type { Dialect } from "../dialects/dialect.ts";
import { EchoedPrefix } from "./echoed-prefix.ts";
import type { Logprobs, TextPiece, TextStage } from "./held-text.ts";
import { RepeatedAnswer } from "./repeated-answer.ts";
import { StopTexts } from "./stop-texts.ts";
import { ThinkTags } from "./think-tags.ts";
import { WholeCharacters } from "./whole-characters.ts";

/** What has to be done to a backend's text. */
export interface AnswerTextOptions {
  /** Where thoughts may stand in the text; by default nowhere. */
  readonly thinkTags?: Dialect["think_tags"];
  /** Whether a piece may say the whole text once more. */
  readonly repeatsAnswer?: boolean;
  /** Texts that end the answer and that the backend does not watch for. */
  readonly stops?: readonly string[];
  /** What the answer may begin with and must not: the message that it continues. */
  readonly echo?: string;
}

/**
 * A backend's text and thoughts to the client's. Steps with nothing left to do are taken out, so that
 * nearly all text of nearly all answers passes as it is.
 */
export class AnswerText {
  readonly #text = new WholeCharacters("text-delta");
  readonly #thinking = new WholeCharacters("thinking-delta");
  readonly #tags: ThinkTags | undefined;
  readonly #stops: StopTexts | undefined;
  readonly #repeatedThinking: RepeatedAnswer | undefined;
  #stages: readonly TextStage[];

  constructor({ thinkTags = "never", repeatsAnswer, stops = [], echo = "" }: AnswerTextOptions) {
    const watched = stops.filter((stop) => stop !== "");
    if (thinkTags !== "never") this.#tags = new ThinkTags(thinkTags === "unopened");
    if (watched.length > 0) this.#stops = new StopTexts(watched);
    if (repeatsAnswer === true) this.#repeatedThinking = new RepeatedAnswer();
    this.#stages = [
      repeatsAnswer === true ? new RepeatedAnswer() : undefined,
      echo === "" ? undefined : new EchoedPrefix(echo),
      this.#tags,
      this.#stops,
    ].filter((stage) => stage !== undefined);
  }

  /** Whether a stop text was found: the answer is complete, although the backend may go on. */
  get stopped(): boolean {
    return this.#stops !== undefined && this.#stops.stopped;
  }

  push(text: string, logprobs: Logprobs): TextPiece[] {
    if (this.#stages.length === 0) return this.#text.push(text, logprobs);
    const pieces = this.#through(0, text, logprobs);
    if (this.#stages.some(({ done }) => done)) {
      this.#stages = this.#stages.filter(({ done }) => !done);
    }
    return pieces;
  }

  /** Thoughts that the backend itself tells from its text, which then has no tags. */
  pushThinking(thinking: string, logprobs: Logprobs): TextPiece[] {
    const before = this.#tags === undefined ? [] : this.#leaveOut(this.#tags);
    const pieces =
      this.#repeatedThinking?.push(thinking, logprobs).length === 0
        ? []
        : this.#thinking.push(thinking, logprobs);
    return before.length === 0 ? pieces : [...before, ...pieces];
  }

  end(): TextPiece[] {
    const pieces = this.#stages.flatMap((stage) => this.#leaveOut(stage));
    return [...pieces, ...this.#thinking.end(), ...this.#text.end()];
  }

  #through(from: number, text: string, logprobs: Logprobs): TextPiece[] {
    const stage = this.#stages[from];
    if (stage === undefined) return this.#text.push(text, logprobs);
    return this.#onward(from + 1, stage.push(text, logprobs));
  }

  #onward(from: number, pieces: readonly TextPiece[]): TextPiece[] {
    return pieces.flatMap(({ type, text, logprobs }) =>
      type === "thinking-delta"
        ? this.#thinking.push(text, logprobs)
        : this.#through(from, text, logprobs),
    );
  }

  #leaveOut(stage: TextStage): TextPiece[] {
    const at = this.#stages.indexOf(stage);
    if (at < 0) return [];
    const pieces = this.#onward(at + 1, stage.end());
    this.#stages = this.#stages.filter((other) => other !== stage);
    return pieces;
  }
}
