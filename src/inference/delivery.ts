import type { Config } from "../config/schema.ts";
import { ProxyError, toProxyError, whileRunning } from "../errors.ts";
import type { Logger } from "../observe/logger.ts";
import type { StreamFormat } from "../server/stream-format.ts";
import { StreamWriter } from "../server/stream-writer.ts";
import { answerFields } from "./answer-fields.ts";
import type { Exchange } from "./exchange.ts";
import { explained } from "./explained.ts";
import type { LineText } from "./line-text.ts";
import { Pipeline, type EventReader, type Outcome } from "./pipeline.ts";
import type { RunningAnswers } from "./running.ts";
import { Collector, TextSink, type Sink } from "./sinks.ts";
import type { Stopwatch } from "./stopwatch.ts";
import type { Translator } from "./translator.ts";

/** One try at an answer. */
export interface Try<Out> {
  /** Below the backend's base URL, or after `origin:` below the server itself. */
  readonly path: string;
  readonly body: string | Buffer;
  readonly translator: Translator<Out>;
  /** For a backend that answers otherwise than OpenAI's do. */
  readonly wire?: Wire;
  /** Another way to ask, where the refusal shows one; only asked before the first byte. */
  readonly again?: (refusal: ProxyError) => Try<Out> | undefined;
  /** It was not refused. */
  readonly answered?: () => void;
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
}

const accept = "text/event-stream, application/json";

/** Brings the answer of one exchange to its client, in as many tries as it takes. */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #exchange: Exchange;
  readonly #stopwatch: Stopwatch;

  constructor(options: DeliveryOptions, exchange: Exchange, stopwatch: Stopwatch) {
    this.#options = options;
    this.#exchange = exchange;
    this.#stopwatch = stopwatch;
  }

  /** @throws ProxyError when the answer had not begun. */
  async stream<Out>(first: Try<Out>, format: StreamFormat, text: LineText<Out>): Promise<void> {
    const { reply } = this.#exchange;
    const { timeouts, commit_after } = this.#options.config;
    let pipeline: Pipeline<Out> | undefined;
    const writer = new StreamWriter(reply.raw, {
      format,
      headers: () => reply.getHeaders() as Record<string, string>,
      writeStall: timeouts.write_stall,
      onDrain: () => pipeline?.resume(),
      onStall: () => {
        pipeline?.abandon();
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
      const outcome = await this.#deliver(first, () => {
        return { sink, started: (running) => (pipeline = running) };
      });
      if (outcome !== "client_closed" || reply.raw.headersSent) reply.hijack();
    } finally {
      clearTimeout(early);
    }
  }

  /**
   * The whole answer, or undefined when the client has gone.
   * @throws ProxyError when it could not be had.
   */
  async collect<Out>(first: Try<Out>): Promise<readonly Out[] | undefined> {
    let collector = new Collector<Out>();
    const outcome = await this.#deliver(first, () => {
      collector = new Collector<Out>();
      return { sink: collector };
    });
    return outcome === "ok" ? collector.values : undefined;
  }

  async #deliver<Out>(
    first: Try<Out>,
    prepare: () => { sink: Sink<Out>; started?: (pipeline: Pipeline<Out>) => void },
  ): Promise<Outcome> {
    const { raw } = this.#exchange.reply;
    let pipeline: Pipeline<Out> | undefined;
    raw.on("close", () => {
      if (!raw.writableFinished) pipeline?.abandon();
    });
    for (let attempt = first; ;) {
      const { sink, started } = prepare();
      pipeline = this.#start(attempt, sink);
      started?.(pipeline);
      if (raw.destroyed) pipeline.abandon();
      try {
        const outcome = await pipeline.result;
        if (outcome !== "client_closed") attempt.answered?.();
        this.#log(outcome, pipeline.failure);
        return outcome;
      } catch (thrown) {
        const next = this.#next(attempt, toProxyError(thrown));
        if (!(next instanceof ProxyError)) attempt = next;
        else return this.#refuse(next, attempt, sink);
      }
    }
  }

  /** Another try, or the error to tell. */
  #next<Out>(attempt: Try<Out>, error: ProxyError): Try<Out> | ProxyError {
    const told = explained(error, this.#exchange, attempt.path);
    if (this.#exchange.reply.raw.destroyed) return told;
    try {
      return attempt.again?.(error) ?? told;
    } catch (refused) {
      return toProxyError(refused);
    }
  }

  /** @throws the error, unless the headers have left already; then it is the last word of the stream. */
  #refuse<Out>(error: ProxyError, { translator }: Try<Out>, sink: Sink<Out>): Outcome {
    this.#log("refused", error);
    if (!this.#exchange.reply.raw.headersSent) throw error;
    for (const value of translator.fail(whileRunning(error))) sink.write(value);
    sink.end();
    return "failed";
  }

  #start<Out>({ path, body, translator, wire }: Try<Out>, sink: Sink<Out>): Pipeline<Out> {
    const { upstream } = this.#exchange.target.model;
    const pipeline = new Pipeline<Out>({
      reader: wire?.reader,
      translator,
      sink,
      stopwatch: this.#stopwatch,
      failures: upstream.failures,
      timeouts: this.#options.config.timeouts,
      open: (listener) => upstream.post(path, body, wire?.accept ?? accept, listener),
    });
    this.#options.running.add(pipeline);
    return pipeline;
  }

  #log(outcome: Outcome | "refused", error: ProxyError | undefined): void {
    const fields = answerFields(this.#exchange, this.#stopwatch, outcome);
    if (error === undefined) this.#options.log.info(fields, "answered");
    else this.#options.log.warn({ ...fields, ...describeFailure(error) }, "did not answer");
  }
}

function describeFailure(error: ProxyError): object {
  const { code, status } = error;
  const deepest = (error.cause as { cause?: unknown } | undefined)?.cause ?? error.cause;
  const { code: cause } = (deepest ?? {}) as { code?: string };
  return { error: code, status, ...(cause === undefined ? {} : { cause }) };
}
