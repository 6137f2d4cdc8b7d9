import type { ProxyError } from "../errors.ts";
import type { ServerSentEvent } from "../openai/server-sent-events.ts";
import type { Progress } from "../translate/chunk-events.ts";

/** One wire to another, as a fold over the backend's events. */
export interface Translator<Out> {
  readonly progress: Progress;
  /** Whether the answer is complete for us although the backend would go on. */
  readonly stopped?: boolean;
  /** @throws ProxyError when the stream can't go on. */
  push(event: ServerSentEvent): Out[];
  /** What is left to say. @throws ProxyError when the answer is not whole. */
  end(): Out[];
  /** The last words of an answer that broke after it had begun. */
  fail(error: ProxyError): Out[];
}
