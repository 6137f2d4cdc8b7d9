import { ProxyError, toProxyError } from "../errors.ts";
import type { Attempts, Lease } from "../routing/attempts.ts";

/** What is done with each place at a backend. */
export interface Turn<Question, Answer> {
  /** The request in that backend's words, or why it can't be told. */
  readonly put: (lease: Lease) => Question | ProxyError;
  /** @throws ProxyError when there is no answer */
  readonly ask: (question: Question, lease: Lease) => Promise<Answer>;
  /** The next place, if there is to be another. */
  readonly next: (failure: ProxyError, lease: Lease) => Promise<Lease | undefined>;
  /** The failure as the client is to hear of it. */
  readonly told: (failure: ProxyError, lease: Lease) => ProxyError;
}

/**
 * Asks one backend after the other until one answers.
 * @throws the last failure; else, where nobody could be asked, why not
 */
export async function askInTurn<Question, Answer>(
  attempts: Attempts,
  { put, ask, next, told }: Turn<Question, Answer>,
): Promise<Answer> {
  let failure: ProxyError | undefined;
  let unsaid: ProxyError | undefined;
  let lease: Lease | undefined = await attempts.first();
  while (lease !== undefined) {
    const question = put(lease);
    if (question instanceof ProxyError) {
      unsaid ??= question;
      lease.pass();
      lease = await attempts.instead();
      continue;
    }
    try {
      return await ask(question, lease);
    } catch (thrown) {
      const error = toProxyError(thrown);
      failure = told(error, lease);
      lease = await next(error, lease);
    }
  }
  throw failure ?? unsaid;
}
