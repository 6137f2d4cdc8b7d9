import type { ProxyError } from "../errors.ts";

interface Interruptible {
  readonly result: Promise<unknown>;
  interrupt(error: ProxyError): void;
}

/** The answers under way, so that a shutdown can wait for them and, at last, end them. */
export class RunningAnswers {
  readonly #answers = new Set<Interruptible>();
  #ended: ProxyError | undefined;

  get size(): number {
    return this.#answers.size;
  }

  add(answer: Interruptible): void {
    this.#answers.add(answer);
    const remove = () => {
      this.#answers.delete(answer);
    };
    answer.result.then(remove, remove);
    if (this.#ended !== undefined) answer.interrupt(this.#ended);
  }

  /** Also those that begin later. */
  interruptAll(error: ProxyError): void {
    this.#ended = error;
    for (const answer of this.#answers) answer.interrupt(error);
  }
}
