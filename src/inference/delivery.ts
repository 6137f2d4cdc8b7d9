import type { Config } from "../config/schema.ts";
import { toProxyError, whileRunning, type ProxyError } from "../errors.ts";
import type { Logger } from "../observe/logger.ts";
import type { Attempts, Lease } from "../routing/attempts.ts";
import type { Target } from "../routing/resolve.ts";
import type { Router } from "../routing/router.ts";
import type { StreamFormat } from "../server/stream-format.ts";
import { StreamWriter } from "../server/stream-writer.ts";
import type { AnswerReport } from "./answer-report.ts";
import type { AnswerReports } from "./answer-reports.ts";
import { clientClosed, clientKeyOf, tellTries, type Exchange } from "./exchange.ts";
import { askInTurn } from "./ask-in-turn.ts";
import { explained } from "./explained.ts";
import type { LineText } from "./line-text.ts";
import { Pipeline, type EventReader, type Outcome } from "./pipeline.ts";
import type { RunningAnswers } from "./running.ts";
import { Collector, TextSink, type Sink } from "./sinks.ts";
import type { Stopwatch } from "./stopwatch.ts";
import type { Translator } from "./translator.ts";

/** One way to ask one backend. */
export interface Try<Out> {
  /** Below the backend's base URL, or after `origin:` below the server itself. */
  readonly path: string;
  readonly body: string | Buffer;
  readonly translator: Translator<Out>;
  /** For a backend that answers otherwise than OpenAI's do. */
  readonly wire?: Wire;
  /** Another way to ask, where the refusal shows one; only asked before the first word. */
  readonly again?: (refusal: ProxyError) => Try<Out> | undefined;
  /** It was not refused. */
  readonly answered?: () => void;
}

/** How one request is put to backends, and what its client is told. */
export interface Plan<Out> {
  /** @throws ProxyError for what that backend can't be told */
  readonly ask: (target: Target) => Try<Out>;
  /** The last words of a stream whose headers left before anybody had answered. */
  readonly fail: (error: ProxyError) => readonly Out[];
}

/** How the answer is asked for, and read. */
interface Wire {
  readonly accept: string;
  readonly reader: EventReader | undefined;
}

export interface DeliveryOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly running: RunningAnswers;
  readonly router: Router;
  readonly reports: AnswerReports;
}

const accept = "text/event-stream, application/json";

/**
 * Brings the answer of one exchange to its client, in as many tries as it takes: the same backend
 * asked in other words, then another backend. With the first word of the answer that ends.
 */
export class Delivery<Out> {
  readonly #options: DeliveryOptions;
  readonly #exchange: Exchange;
  readonly #stopwatch: Stopwatch;
  readonly #plan: Plan<Out>;
  /** Aborts when the client leaves, or the server ends. */
  readonly #stop = new AbortController();
  #attempt: Try<Out> | undefined;
  #pipeline: Pipeline<Out> | undefined;
  #lease: Lease | undefined;
  /** Requests that went to backends. */
  #sent = 0;

  constructor(options: DeliveryOptions, exchange: Exchange, stopwatch: Stopwatch, plan: Plan<Out>) {
    this.#options = options;
    this.#exchange = exchange;
    this.#stopwatch = stopwatch;
    this.#plan = plan;
  }

  /** @throws ProxyError when the answer had not begun. */
  async stream(format: StreamFormat, text: LineText<Out>): Promise<void> {
    const { reply } = this.#exchange;
    const { timeouts, commit_after } = this.#options.config;
    const writer = new StreamWriter(reply.raw, {
      format,
      headers: () => reply.getHeaders() as Record<string, string>,
      writeStall: timeouts.write_stall,
      onDrain: () => this.#pipeline?.resume(),
      onStall: () => {
        this.#pipeline?.abandon();
        reply.raw.destroy();
      },
    });
    const early =
      commit_after === undefined ? undefined : setTimeout(() => writer.open(), commit_after);
    reply.raw.on("close", () => {
      clearTimeout(early);
    });
    const sink = new TextSink(writer, text);
    try {
      const outcome = await this.#deliver(() => sink);
      if (outcome !== "client_closed" || reply.raw.headersSent) reply.hijack();
    } finally {
      clearTimeout(early);
    }
  }

  /**
   * The whole answer, or undefined when the client has gone.
   * @throws ProxyError when it could not be had.
   */
  async collect(): Promise<readonly Out[] | undefined> {
    let collector = new Collector<Out>();
    const outcome = await this.#deliver(() => (collector = new Collector<Out>()));
    return outcome === "ok" ? collector.values : undefined;
  }

  /** @param sinkOf where the answer of one try goes */
  #deliver(sinkOf: () => Sink<Out>): Promise<Outcome> {
    const { raw } = this.#exchange.reply;
    const leave = () => {
      if (raw.writableFinished) return;
      this.#stop.abort(clientClosed);
      this.#pipeline?.abandon();
    };
    raw.on("close", leave);
    if (raw.destroyed) leave();
    const result = this.#tryEverywhere(sinkOf);
    const interrupt = (error: ProxyError) => {
      this.#stop.abort(error);
      this.#pipeline?.interrupt(error);
    };
    this.#options.running.add({ result, interrupt });
    return result;
  }

  async #tryEverywhere(sinkOf: () => Sink<Out>): Promise<Outcome> {
    const { request, target } = this.#exchange;
    const attempts = await this.#options.router.attempts(target, {
      model: this.#exchange.model,
      clientKey: clientKeyOf(request),
      signal: this.#stop.signal,
    });
    try {
      const outcome = await askInTurn(attempts, {
        put: (lease) => this.#put(lease),
        ask: (attempt, lease) => this.#tryAt(lease, attempt, sinkOf),
        next: async (error, lease) =>
          this.#pipeline?.began === true ? undefined : attempts.after(error, lease),
        told: (error, lease) => this.#told(error, lease),
      });
      this.#report(attempts, outcome, this.#pipeline?.failure);
      return outcome;
    } catch (thrown) {
      return this.#refuse(attempts, toProxyError(thrown), sinkOf);
    } finally {
      attempts.close();
    }
  }

  #put(lease: Lease): Try<Out> | ProxyError {
    this.#lease = lease;
    try {
      return this.#plan.ask(lease.target);
    } catch (error) {
      return toProxyError(error);
    }
  }

  /** One backend, in as many words as it needs. @throws ProxyError when it did not begin to answer */
  async #tryAt(lease: Lease, first: Try<Out>, sinkOf: () => Sink<Out>): Promise<Outcome> {
    try {
      for (let attempt = first; ;) {
        this.#attempt = attempt;
        const pipeline = this.#start(lease, attempt, sinkOf());
        try {
          const outcome = await pipeline.result;
          if (outcome !== "client_closed") attempt.answered?.();
          lease.end(outcome === "client_closed" ? "left" : (pipeline.failure ?? "ok"));
          return outcome;
        } catch (thrown) {
          const error = toProxyError(thrown);
          const isOver = pipeline.began || this.#stop.signal.aborted;
          const again = isOver ? undefined : attempt.again?.(error);
          if (again === undefined) throw error;
          attempt = again;
        }
      }
    } catch (thrown) {
      const error = toProxyError(thrown);
      lease.end(error);
      throw error;
    }
  }

  #start(lease: Lease, { path, body, translator, wire }: Try<Out>, sink: Sink<Out>): Pipeline<Out> {
    const { upstream } = lease.target.model;
    this.#sent += 1;
    tellTries(this.#exchange.reply, this.#options.config, upstream.id, this.#sent);
    this.#pipeline = new Pipeline<Out>({
      reader: wire?.reader,
      translator,
      sink,
      stopwatch: this.#stopwatch,
      failures: upstream.failures,
      timeouts: { ...upstream.timeouts, first_byte: lease.firstByte },
      began: () => lease.answered(),
      firstWord: lease.firstWord,
      open: (listener) =>
        upstream.post({ path, body, accept: wire?.accept ?? accept, key: lease.key }, listener),
    });
    return this.#pipeline;
  }

  #told(error: ProxyError, { target }: Lease): ProxyError {
    return explained(error, { ...this.#exchange, target }, this.#attempt?.path ?? "");
  }

  /**
   * @throws the error, unless nobody is there to read it, or the headers have left already: then it
   * is the last word of the stream.
   */
  #refuse(attempts: Attempts, thrown: ProxyError, sinkOf: () => Sink<Out>): Outcome {
    const { signal } = this.#stop;
    const error = signal.aborted ? toProxyError(signal.reason) : thrown;
    if (error === clientClosed) {
      this.#report(attempts, "client_closed", undefined);
      return "client_closed";
    }
    this.#report(attempts, "refused", error);
    if (!this.#exchange.reply.raw.headersSent) throw error;
    const sink = sinkOf();
    for (const value of this.#plan.fail(whileRunning(error))) sink.write(value);
    sink.end();
    return "failed";
  }

  #report(
    attempts: Attempts,
    outcome: AnswerReport["outcome"],
    error: ProxyError | undefined,
  ): void {
    const { request, target } = this.#exchange;
    this.#options.reports.record({
      request,
      model: target.model.name,
      upstream: this.#lease?.target.model.upstream.id,
      attempts: this.#sent,
      retries: attempts.retries,
      marks: this.#stopwatch.read(),
      outcome,
      error,
      tokens: this.#attempt?.translator.tokens,
    });
  }
}
