import type { ProxyError } from "../errors.ts";
import type { ServerSentEvent } from "../openai/server-sent-events.ts";
import type { Progress } from "../translate/chunk-events.ts";

/** How many of them a request took. */
export interface Tokens {
  readonly input?: number | undefined;
  readonly output?: number | undefined;
}

/** One wire to another, as a fold over the backend's events. */
export interface Translator<Out> {
  readonly progress: Progress;
  /** Whether its answer comes in one piece: then the first byte of it is its first word. */
  readonly isWhole?: boolean;
  /** Whether the answer is complete for us although the backend would go on. */
  readonly stopped?: boolean;
  /** What the backend counted, once it has told. */
  readonly tokens?: Tokens | undefined;
  /** @throws ProxyError when the stream can't go on. */
  push(event: ServerSentEvent): Out[];
  /** What is left to say. @throws ProxyError when the answer is not whole. */
  end(): Out[];
  /** The last words of an answer that broke after it had begun. */
  fail(error: ProxyError): Out[];
}
