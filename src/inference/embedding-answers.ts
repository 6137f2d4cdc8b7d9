import type { Config } from "../config/schema.ts";
import { invalidRequest, ProxyError, toProxyError } from "../errors.ts";
import type { Logger } from "../observe/logger.ts";
import { isErrorObject, toBackendError } from "../openai/error-body.ts";
import type { Metrics } from "../ollama/responses.ts";
import { kindOfRefusal } from "../openai/refusals.ts";
import { dialectOf } from "../routing/resolve.ts";
import type { Vector } from "../translate/embeddings.ts";
import { toMetrics } from "../translate/metrics.ts";
import { answerFields } from "./answer-fields.ts";
import { EmbeddingRun } from "./embedding-run.ts";
import type { Exchange } from "./exchange.ts";
import { explained } from "./explained.ts";
import type { IgnoredNotes } from "./ignored-notes.ts";
import type { LearnedNotes } from "./learned-notes.ts";
import type { RunningAnswers } from "./running.ts";
import { Stopwatch } from "./stopwatch.ts";

export interface EmbeddingAnswerOptions {
  readonly config: Pick<Config, "timeouts">;
  readonly log: Logger;
  readonly running: RunningAnswers;
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
    const { reply, texts } = question;
    const stopwatch = new Stopwatch();
    const stop = new AbortController();
    const clientClosed = new ProxyError("client_closed", "the client has gone");
    this.#options.ignored.note(question, question.ignored);
    // Also once a failure is told: of several batches, those that still run end then.
    reply.raw.on("close", () => stop.abort(clientClosed));
    if (reply.raw.destroyed) stop.abort(clientClosed);
    try {
      const result = this.#run(question, stop.signal).embed(texts);
      this.#options.running.add({ result, interrupt: (error) => stop.abort(error) });
      const { vectors, tokens } = await result;
      this.#log(question, stopwatch, undefined);
      return { vectors, metrics: figures(stopwatch, tokens) };
    } catch (thrown) {
      const error = toProxyError(stop.signal.aborted ? stop.signal.reason : thrown);
      this.#log(question, stopwatch, error);
      if (error === clientClosed) return undefined;
      throw told(error, question);
    }
  }

  /** @throws ProxyError 400 when the backend is known to have no embeddings. */
  #run({ target, dimensions, truncate }: EmbeddingQuestion, signal: AbortSignal): EmbeddingRun {
    const { upstream, entry } = target.model;
    const dialect = dialectOf(target, "embedding").embeddings;
    if (dialect === null) throw noEmbeddings(upstream.id);
    const timeout = this.#options.config.timeouts.first_byte;
    return new EmbeddingRun({
      model: entry.id,
      dialect,
      dimensions,
      truncate,
      malformed: () => upstream.failures.malformed(),
      ask: async (body) => {
        const answer = await upstream.postJson("/embeddings", body, { timeout, signal });
        if (!isErrorObject(answer)) return answer;
        throw upstream.failures.refused(toBackendError(answer).status, "", JSON.stringify(answer));
      },
      learned: (embeddings) => {
        const what = "cut vectors to their dimensions here";
        this.#options.learned.note(target.model, "embedding", { overrides: { embeddings }, what });
      },
    });
  }

  #log(question: EmbeddingQuestion, stopwatch: Stopwatch, error: ProxyError | undefined): void {
    const fields = {
      ...answerFields(question, stopwatch, outcomeOf(error)),
      texts: question.texts.length,
    };
    const { log } = this.#options;
    if (error === undefined) log.info(fields, "answered");
    else log.warn({ ...fields, error: error.code, status: error.status }, "did not answer");
  }
}

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

function outcomeOf(error: ProxyError | undefined): string {
  if (error === undefined) return "ok";
  return error.code === "client_closed" ? "client_closed" : "refused";
}

/** A 404 that is not about the model is about the route, which many backends do not have. */
function told(error: ProxyError, question: EmbeddingQuestion): ProxyError {
  const { refusal, status, message } = error;
  const isMissing = refusal !== undefined && (status === 404 || status === 405);
  if (!isMissing || kindOfRefusal(refusal) === "model")
    return explained(error, question, "/embeddings");
  if (/embedding/i.test(message)) return invalidRequest(message);
  return noEmbeddings(question.target.model.upstream.id);
}
