import type { Timeouts } from "../config/schema.ts";
import { toProxyError, whileRunning, type ProxyError } from "../errors.ts";
import { BodyReader } from "../openai/body-reader.ts";
import type { ServerSentEvent } from "../openai/server-sent-events.ts";
import type { Failures } from "../upstream/failures.ts";
import type { ResponseListener, UpstreamCall } from "../upstream/response-handler.ts";
import type { Stopwatch } from "./stopwatch.ts";
import type { Sink } from "./sinks.ts";
import type { Translator } from "./translator.ts";

export type Outcome = "ok" | "failed" | "client_closed";

/** Bytes of a response to its events, as a fold. */
export interface EventReader {
  push(bytes: Buffer): ServerSentEvent[];
  end(): ServerSentEvent[];
}

export interface PipelineOptions<Out> {
  /** Of Server-Sent Events or a JSON document when absent. */
  readonly reader?: EventReader | undefined;
  readonly translator: Translator<Out>;
  readonly sink: Sink<Out>;
  readonly failures: Failures;
  readonly timeouts: Timeouts;
  readonly stopwatch: Stopwatch;
  /** Told of the first word. */
  readonly began?: () => void;
  /** Milliseconds until that, whatever comes before; no limit when absent. */
  readonly firstWord?: number;
  /** Starts the request to the backend, which reports to the listener. */
  readonly open: (listener: ResponseListener) => UpstreamCall;
}

/** Reasons that say no more to a client that saw nothing than that the response was none. */
const vagueReasons = new Set(["invalid response from upstream", "stream ended before completion"]);

/**
 * One answer: backend bytes → events → translator → sink. Everything that one read brings runs through
 * in one tick; nothing is awaited and no timer is set per chunk. `result` is settled once: with how
 * the answer went, or with the error of one that had not begun.
 */
export class Pipeline<Out> implements ResponseListener {
  readonly result: Promise<Outcome>;
  /** Why the answer broke, if it did. */
  failure: ProxyError | undefined;
  readonly #options: PipelineOptions<Out>;
  readonly #reader: EventReader;
  readonly #call: UpstreamCall;
  #resolve: (outcome: Outcome) => void = () => {};
  #reject: (error: ProxyError) => void = () => {};
  #settled = false;
  #upstreamEnded = false;
  #produced = false;
  #paused = false;
  #headSeen = false;
  #heard = false;
  readonly #start = performance.now();
  #lastByte = this.#start;
  #lastEvent = this.#lastByte;
  #finishedAt = this.#lastByte;
  #watch: NodeJS.Timeout | undefined;

  constructor(options: PipelineOptions<Out>) {
    this.#options = options;
    this.#reader = options.reader ?? new BodyReader();
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#call = options.open(this);
    this.#armWatch();
  }

  /** Whether there was a first word: from there on nobody else may be asked. */
  get began(): boolean {
    return this.#produced;
  }

  head(): void {
    this.#headSeen = true;
    this.#restartClocks();
    this.#options.stopwatch.markResponseHeaders();
    this.#armWatch();
  }

  data(bytes: Buffer): void {
    if (this.#settled) return;
    this.#heard = true;
    this.#lastByte = performance.now();
    this.#attempt(() => {
      this.#translate(this.#reader.push(bytes));
    });
  }

  end(): void {
    this.#upstreamEnded = true;
    if (this.#settled) {
      clearTimeout(this.#watch);
      return;
    }
    this.#attempt(() => {
      this.#translate(this.#reader.end());
      if (!this.#settled) this.#finish();
    });
  }

  error(error: ProxyError): void {
    this.#upstreamEnded = true;
    if (this.#settled) clearTimeout(this.#watch);
    else if (this.#options.translator.progress === "running") this.#fail(error);
    else this.#attempt(() => this.#finish());
  }

  /** The client reads again. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#restartClocks();
    this.#call.resume();
  }

  /** The client is gone: the backend must not go on. */
  abandon(): void {
    if (!this.#settled) this.#settle("client_closed");
    this.#stopUpstream();
  }

  /** Ends a running answer from outside, as a shutdown does. */
  interrupt(error: ProxyError): void {
    if (!this.#settled) this.#fail(error);
  }

  #translate(events: readonly ServerSentEvent[]): void {
    const { translator, sink } = this.#options;
    for (const event of events) {
      const before = translator.progress;
      let reading = true;
      for (const value of translator.push(event)) {
        if (!this.#produced) this.#begin();
        reading = sink.write(value);
      }
      if (!reading) this.#pause();
      if (translator.progress === "complete") {
        this.#finish();
        return;
      }
      if (translator.progress !== before) {
        this.#finishedAt = this.#lastByte;
        this.#armWatch();
      }
    }
    if (events.length > 0) this.#lastEvent = this.#lastByte;
  }

  #begin(): void {
    this.#produced = true;
    this.#options.began?.();
  }

  #finish(): void {
    const { translator, sink } = this.#options;
    for (const value of translator.end()) sink.write(value);
    sink.end();
    this.#settle("ok");
    this.#finishedAt = performance.now();
    if (translator.stopped === true) this.#stopUpstream();
    // Let the connection end by itself, so that it can be used again; but not for long.
    else if (!this.#upstreamEnded) this.#armWatch();
  }

  #attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#fail(toProxyError(error));
    }
  }

  #fail(cause: ProxyError): void {
    const { translator, sink, failures } = this.#options;
    const error = failures.clean(this.#produced ? cause : this.#beforeAnything(cause));
    this.#stopUpstream();
    this.failure = error;
    if (!sink.committed) {
      this.#settled = true;
      this.#reject(this.#produced ? whileRunning(error) : error);
      return;
    }
    for (const value of translator.fail(whileRunning(error))) sink.write(value);
    sink.end();
    this.#settle("failed");
  }

  /**
   * What a backend tells with a success status counts as its refusal; an answer that broke before its
   * first word is simply no valid response.
   */
  #beforeAnything(error: ProxyError): ProxyError {
    const { failures, translator } = this.#options;
    if (error.code === "upstream_failed") {
      const { status, message, refusal } = error;
      return failures.refusal(status, { status, locations: [], ...refusal, message });
    }
    const isVague = vagueReasons.has(error.message);
    if (error.code === "upstream_truncated" && !isVague) return error;
    if (this.#heard && translator.isWhole === true) return failures.broken(error);
    if (isVague) return failures.malformed(error);
    return this.#headSeen ? failures.unclear(error) : error;
  }

  #settle(outcome: Outcome): void {
    this.#settled = true;
    clearTimeout(this.#watch);
    this.#resolve(outcome);
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#call.pause();
  }

  #stopUpstream(): void {
    clearTimeout(this.#watch);
    this.#upstreamEnded = true;
    this.#call.abort();
  }

  #restartClocks(): void {
    this.#lastByte = this.#lastEvent = this.#finishedAt = performance.now();
  }

  /** One timer a stream; when it fires it looks at the clock, and is armed anew if it was too early. */
  #armWatch(): void {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.#check(), Math.max(1, this.#timeLeft()));
  }

  #timeLeft(): number {
    const { timeouts, translator } = this.#options;
    const now = performance.now();
    if (this.#settled || translator.progress !== "running")
      return this.#finishedAt + timeouts.after_finish - now;
    if (!this.#headSeen) return this.#lastByte + timeouts.first_byte - now;
    const limit = Math.min(this.#lastByte + timeouts.idle, this.#lastEvent + timeouts.idle_data);
    return Math.min(limit, this.#firstWordBy) - now;
  }

  get #firstWordBy(): number {
    const { firstWord = Number.POSITIVE_INFINITY } = this.#options;
    return this.#produced ? Number.POSITIVE_INFINITY : this.#start + firstWord;
  }

  #check(): void {
    if (this.#paused || this.#timeLeft() > 0) {
      if (this.#paused) this.#restartClocks();
      this.#armWatch();
      return;
    }
    if (this.#settled) this.#stopUpstream();
    else if (this.#options.translator.progress === "running") this.#fail(this.#silence());
    else {
      this.#attempt(() => this.#finish());
      this.#stopUpstream();
    }
  }

  #silence(): ProxyError {
    const { timeouts, failures } = this.#options;
    if (!this.#headSeen) return failures.silent(timeouts.first_byte / 1000);
    const idle = this.#lastByte + timeouts.idle <= performance.now();
    return failures.silent((idle ? timeouts.idle : timeouts.idle_data) / 1000);
  }
}
