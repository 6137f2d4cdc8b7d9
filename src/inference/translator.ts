import type { ProxyError } from "../errors.ts";
import type { ServerSentEvent } from "../openai/server-sent-events.ts";
import type { Progress } from "../translate/chunk-events.ts";

/** One wire to another, as a fold over the backend's events. */
export interface Translator<Out> {
  readonly progress: Progress;
  /** @throws ProxyError when the stream can't go on. */
  push(event: ServerSentEvent): Out[];
  /** What is left to say. @throws ProxyError when the answer is not whole. */
  end(): Out[];
  /** The last words of an answer that broke after it had begun. */
  fail(error: ProxyError): Out[];
}

/** Where translated objects go. */
export interface Sink<Out> {
  /** Whether the client has seen the beginning, so that a failure can only be told in the stream. */
  readonly committed: boolean;
  /** @returns false when the reader is slow; the pipeline then waits for `resume`. */
  write(value: Out): boolean;
  /** Lets the headers go before there is anything to say. */
  open(): void;
  end(): void;
}

/** Keeps everything: the sink of an answer in one piece. */
export class Collector<Out> implements Sink<Out> {
  readonly committed = false;
  readonly values: Out[] = [];

  write(value: Out): boolean {
    this.values.push(value);
    return true;
  }

  open(): void {}

  end(): void {}
}
