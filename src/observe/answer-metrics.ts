import { Counter, Histogram, type Registry } from "prom-client";
import type { ErrorCode } from "../errors.ts";
import { LabelValues, other } from "./label-values.ts";

/** Sets of labels that get series of their own. */
const maxSets = 50;

/** Of the names that OpenTelemetry's conventions for generative AI know. */
export type Operation = "chat" | "text_completion" | "embeddings";

/** One answer, in figures. */
export interface AnswerFigures {
  readonly operation: Operation;
  readonly model: string;
  readonly upstream: string | undefined;
  /** Undefined for a good answer. */
  readonly error: ErrorCode | undefined;
  readonly seconds: number;
  readonly firstTokenSeconds?: number | undefined;
  readonly secondsPerToken?: number | undefined;
  readonly inputTokens?: number | undefined;
  readonly outputTokens?: number | undefined;
}

type Labels = Readonly<Record<string, string>>;

const labelNames = ["gen_ai_operation_name", "gen_ai_request_model", "upstream"];

/**
 * Answers, under the names of OpenTelemetry's conventions for generative AI. Of their buckets every
 * second or third is left out: each is a series for every model at every backend.
 */
export class AnswerMetrics {
  readonly #models = new LabelValues(maxSets);
  readonly #upstreams = new LabelValues(maxSets);
  readonly #sets = new LabelValues(maxSets);
  readonly #failureSets = new LabelValues(maxSets);
  readonly #duration: Histogram;
  readonly #firstToken: Histogram;
  readonly #perToken: Histogram;
  readonly #tokens: Histogram;
  readonly #retries: Counter;
  readonly #ambiguousRetries: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#duration = new Histogram({
      name: "gen_ai_client_operation_duration_seconds",
      help: "From a request to the end of its answer, all tries together.",
      labelNames: [...labelNames, "error_type"],
      buckets: [0.16, 0.64, 2.56, 10.24, 40.96, 81.92],
      registers,
    });
    this.#firstToken = new Histogram({
      name: "gen_ai_server_time_to_first_token_seconds",
      help: "From a request to the first word of a good answer.",
      labelNames,
      buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    });
    this.#perToken = new Histogram({
      name: "gen_ai_server_time_per_output_token_seconds",
      help: "Between two tokens of a good answer, after the first, on average.",
      labelNames,
      buckets: [0.01, 0.025, 0.05, 0.1, 0.2, 0.5],
      registers,
    });
    this.#tokens = new Histogram({
      name: "gen_ai_client_token_usage",
      help: "Tokens of an answer, as its backend counted them.",
      labelNames: [...labelNames, "gen_ai_token_type"],
      buckets: [64, 1024, 16_384, 262_144],
      registers,
    });
    this.#retries = new Counter({
      name: "ollama_proxy_retries_total",
      help: "Tries that failed and were followed by another, by the backend that failed.",
      labelNames: ["upstream", "reason"],
      registers,
    });
    this.#ambiguousRetries = new Counter({
      name: "ollama_proxy_ambiguous_retries_total",
      help: "Those of them whose backend may have done the work, and billed it, all the same.",
      labelNames: ["upstream"],
      registers,
    });
  }

  count(answer: AnswerFigures): void {
    const { seconds, firstTokenSeconds, secondsPerToken, inputTokens, outputTokens, error } =
      answer;
    const labels = this.#labelsOf(answer);
    if (error === undefined) this.#duration.observe(labels, seconds);
    else this.#duration.observe(this.#failureLabels(labels, error), seconds);
    if (firstTokenSeconds !== undefined) this.#firstToken.observe(labels, firstTokenSeconds);
    if (secondsPerToken !== undefined) this.#perToken.observe(labels, secondsPerToken);
    this.#countTokens(labels, "input", inputTokens);
    this.#countTokens(labels, "output", outputTokens);
  }

  /** @param upstream the one that failed */
  countRetry(upstream: string, reason: ErrorCode, ambiguous: boolean): void {
    const label = this.#upstreams.has(upstream) ? upstream : other;
    this.#retries.inc({ upstream: label, reason });
    if (ambiguous) this.#ambiguousRetries.inc({ upstream: label });
  }

  #countTokens(labels: Labels, type: string, tokens: number | undefined): void {
    if (tokens === undefined) return;
    this.#tokens.observe({ ...labels, gen_ai_token_type: type }, tokens);
  }

  /**
   * Only a model that has answered gets a label of its own: a backend that tells no models is asked
   * for whatever a client says.
   */
  #labelsOf({ operation, model, upstream = "none", error }: AnswerFigures): Labels {
    const known = this.#models.has(model, error === undefined) ? model : other;
    return this.#sets.has(JSON.stringify([operation, known, upstream]))
      ? labelsOf(operation, known, upstream)
      : labelsOf(operation, other, other);
  }

  #failureLabels(labels: Labels, error: ErrorCode): Labels {
    const withError = { ...labels, error_type: error };
    return this.#failureSets.has(JSON.stringify(withError))
      ? withError
      : { ...withError, gen_ai_request_model: other, upstream: other };
  }
}

function labelsOf(operation: Operation, model: string, upstream: string): Labels {
  return { gen_ai_operation_name: operation, gen_ai_request_model: model, upstream };
}
