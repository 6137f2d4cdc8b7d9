import type { Config } from "../config/schema.ts";
import { invalidRequest, toProxyError, type ProxyError } from "../errors.ts";
import { isErrorObject, toBackendError } from "../openai/error-body.ts";
import type { Metrics } from "../ollama/responses.ts";
import { kindOfRefusal } from "../openai/refusals.ts";
import type { Attempts, Lease } from "../routing/attempts.ts";
import { dialectOf, type Target } from "../routing/resolve.ts";
import type { Router } from "../routing/router.ts";
import type { Vector } from "../translate/embeddings.ts";
import { toMetrics } from "../translate/metrics.ts";
import type { AnswerReport } from "./answer-report.ts";
import { askInTurn } from "./ask-in-turn.ts";
import type { AnswerReports } from "./answer-reports.ts";
import { EmbeddingRun, type Embedded } from "./embedding-run.ts";
import { clientClosed, clientKeyOf, routeOf, tellTries, type Exchange } from "./exchange.ts";
import { explained } from "./explained.ts";
import type { IgnoredNotes } from "./ignored-notes.ts";
import type { LearnedNotes } from "./learned-notes.ts";
import type { RunningAnswers } from "./running.ts";
import { Stopwatch } from "./stopwatch.ts";

export interface EmbeddingAnswerOptions {
  readonly config: Pick<Config, "proxy_headers" | "failover">;
  readonly running: RunningAnswers;
  readonly router: Router;
  readonly reports: AnswerReports;
  readonly ignored: IgnoredNotes;
  readonly learned: LearnedNotes;
}

export interface EmbeddingQuestion extends Exchange {
  readonly texts: readonly string[];
  /** Whether a text that is too long may be cut. */
  readonly truncate: boolean;
  /** 0: as many as the model has. */
  readonly dimensions: number;
  /** What the client asked for and no backend can be told, by name. */
  readonly ignored: readonly string[];
}

/** Vectors in the order of the texts, and Ollama's figures. */
export interface EmbeddingAnswer {
  readonly vectors: readonly Vector[];
  readonly metrics: Pick<Metrics, "total_duration" | "load_duration" | "prompt_eval_count">;
}

/** Answers a request for embeddings; what `Answers` is for text. */
export class EmbeddingAnswers {
  readonly #options: EmbeddingAnswerOptions;

  constructor(options: EmbeddingAnswerOptions) {
    this.#options = options;
  }

  /**
   * @returns undefined when the client has gone
   * @throws ProxyError
   */
  async answer(question: EmbeddingQuestion): Promise<EmbeddingAnswer | undefined> {
    const { request, reply, target } = question;
    const stop = new AbortController();
    this.#options.ignored.note(question, question.ignored);
    // Also once a failure is told: of several batches, those that still run end then.
    reply.raw.on("close", () => stop.abort(clientClosed));
    if (reply.raw.destroyed) stop.abort(clientClosed);
    const attempts = await this.#options.router.attempts(target, {
      model: question.model,
      clientKey: clientKeyOf(request),
      signal: stop.signal,
    });
    const work = new EmbeddingWork(this.#options, question, attempts, stop.signal);
    const result = work.tryEverywhere();
    this.#options.running.add({ result, interrupt: (error) => stop.abort(error) });
    return result;
  }
}

/** One request for embeddings, in as many tries as it takes. */
class EmbeddingWork {
  readonly #options: EmbeddingAnswerOptions;
  readonly #question: EmbeddingQuestion;
  readonly #attempts: Attempts;
  readonly #signal: AbortSignal;
  readonly #stopwatch = new Stopwatch();
  #lease: Lease | undefined;
  #sent = 0;
  /** Whether the backend that is asked now has answered a part. */
  #isPaid = false;

  constructor(
    options: EmbeddingAnswerOptions,
    question: EmbeddingQuestion,
    attempts: Attempts,
    signal: AbortSignal,
  ) {
    this.#options = options;
    this.#question = question;
    this.#attempts = attempts;
    this.#signal = signal;
  }

  async tryEverywhere(): Promise<EmbeddingAnswer | undefined> {
    try {
      const { vectors, tokens } = await askInTurn(this.#attempts, {
        put: (lease) => this.#put(lease),
        ask: (run, lease) => this.#tryAt(lease, run),
        next: (error, lease) => this.#after(error, lease),
        told: (error, lease) => told(error, this.#question, lease.target),
      });
      this.#report("ok", undefined, tokens);
      return { vectors, metrics: figures(this.#stopwatch, tokens) };
    } catch (thrown) {
      const error = toProxyError(this.#signal.aborted ? this.#signal.reason : thrown);
      this.#report(error === clientClosed ? "client_closed" : "refused", error);
      if (error === clientClosed) return undefined;
      throw error;
    } finally {
      this.#attempts.close();
    }
  }

  /** What is answered in part is begun anew elsewhere, and paid twice, only where that is wanted. */
  async #after(error: ProxyError, lease: Lease): Promise<Lease | undefined> {
    if (!this.#isPaid) return this.#attempts.after(error, lease);
    if (!this.#options.config.failover.ambiguous) return undefined;
    return this.#attempts.after(lease.target.model.upstream.failures.unclear(error), lease);
  }

  /** @throws ProxyError */
  async #tryAt(lease: Lease, run: EmbeddingRun): Promise<Embedded> {
    this.#isPaid = false;
    try {
      const embedded = await run.embed(this.#question.texts);
      lease.end("ok");
      return embedded;
    } catch (thrown) {
      lease.end(this.#signal.aborted ? "left" : toProxyError(thrown));
      throw thrown;
    }
  }

  /** 400 where the backend is known to have no embeddings. */
  #put(lease: Lease): EmbeddingRun | ProxyError {
    this.#lease = lease;
    const { target, key, firstByte } = lease;
    const { dimensions, truncate, reply } = this.#question;
    const { config, learned } = this.#options;
    const { upstream, entry } = target.model;
    const dialect = dialectOf(target, "embedding").embeddings;
    if (dialect === null) return noEmbeddings(upstream.id);
    return new EmbeddingRun({
      model: entry.id,
      dialect,
      dimensions,
      truncate,
      malformed: () => upstream.failures.broken(),
      ask: async (body, failed) => {
        this.#sent += 1;
        tellTries(reply, config, upstream.id, this.#sent);
        const signal = AbortSignal.any([this.#signal, failed]);
        const limits = { timeout: firstByte, signal, key };
        const answer = await upstream.postJson(routeOf(target, path), body, limits);
        if (!isErrorObject(answer)) {
          this.#isPaid = true;
          return answer;
        }
        throw upstream.failures.refused(toBackendError(answer).status, "", JSON.stringify(answer));
      },
      learned: (embeddings) => {
        const what = "cut vectors to their dimensions here";
        learned.note(target.model, "embedding", { overrides: { embeddings }, what });
      },
    });
  }

  #report(outcome: AnswerReport["outcome"], error: ProxyError | undefined, input?: number): void {
    const { request, target, texts } = this.#question;
    this.#options.reports.record({
      request,
      model: target.model.name,
      upstream: this.#lease?.target.model.upstream.id,
      attempts: this.#sent,
      retries: this.#attempts.retries,
      marks: this.#stopwatch.read(),
      outcome,
      error,
      tokens: { input },
      texts: texts.length,
    });
  }
}

const path = "/embeddings";

function noEmbeddings(upstream: string): ProxyError {
  return invalidRequest(`upstream "${upstream}" does not support embeddings`);
}

/** A backend tells no time of loading, and its first word comes when all is done. */
function figures(stopwatch: Stopwatch, tokens: number): EmbeddingAnswer["metrics"] {
  const marks = stopwatch.read();
  const { total_duration, load_duration, prompt_eval_count } = toMetrics(
    {},
    { ...marks, responseHeaders: marks.start },
    tokens,
  );
  return { total_duration, load_duration, prompt_eval_count };
}

/** A 404 that is not about the model is about the route, which many backends do not have. */
function told(error: ProxyError, question: EmbeddingQuestion, target: Target): ProxyError {
  const { refusal, status, message } = error;
  const isMissing = refusal !== undefined && (status === 404 || status === 405);
  if (!isMissing || kindOfRefusal(refusal) === "model")
    return explained(error, { ...question, target }, path);
  if (/embedding/i.test(message)) return invalidRequest(message);
  return noEmbeddings(target.model.upstream.id);
}
