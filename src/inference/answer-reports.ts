import type { Operation } from "../observe/answer-metrics.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { RequestLog } from "../observe/request-log.ts";
import { describeInternalError } from "../server/internal-errors.ts";
import type { Marks } from "../translate/metrics.ts";
import type { AnswerReport } from "./answer-report.ts";

/** By the end of the route, first hit. */
const operations: readonly [end: string, operation: Operation][] = [
  ["/chat/completions", "chat"],
  ["/completions", "text_completion"],
  ["/api/generate", "text_completion"],
  ["/embed", "embeddings"],
  ["/embeddings", "embeddings"],
];

/** Milliseconds; what comes quicker came in one piece, and says nothing of the time for a token. */
const leastStream = 1;

/** Where the outcome of every answer goes: into the metrics, and into the request's line of the log. */
export class AnswerReports {
  readonly #requests: RequestLog;
  readonly #metrics: Metrics;

  constructor(requests: RequestLog, metrics: Metrics) {
    this.#requests = requests;
    this.#metrics = metrics;
  }

  /** Once an answer, when it is over. */
  record(report: AnswerReport): void {
    this.#count(report);
    this.#note(report);
  }

  #count({ request, model, upstream, marks, outcome, error, tokens, retries }: AnswerReport): void {
    const { answers } = this.#metrics;
    const isGood = outcome === "ok";
    const clientClosed = outcome === "client_closed" ? "client_closed" : undefined;
    answers.count({
      operation: operationOf(request.routeOptions.url ?? ""),
      model,
      upstream,
      error: isGood ? undefined : (clientClosed ?? error?.code ?? "internal"),
      seconds: (marks.end - marks.start) / 1000,
      firstTokenSeconds: isGood ? firstTokenSeconds(marks) : undefined,
      secondsPerToken: isGood ? secondsPerToken(marks, tokens?.output) : undefined,
      inputTokens: tokens?.input,
      outputTokens: tokens?.output,
    });
    for (const { upstream: failed, code, ambiguous } of retries) {
      answers.countRetry(failed, code, ambiguous);
    }
  }

  #note(report: AnswerReport): void {
    const { request, model, upstream, attempts, retries, texts, tokens, marks, outcome, error } =
      report;
    const failed = retries.map((retry) => `${retry.upstream}: ${retry.code}`).join(", ");
    const seconds = firstTokenSeconds(marks);
    this.#requests.note(request, {
      fields: {
        model,
        upstream,
        attempts,
        failed_before: failed === "" ? undefined : failed,
        texts,
        input_tokens: tokens?.input,
        output_tokens: tokens?.output,
        first_token_ms: seconds === undefined ? undefined : Math.round(seconds * 1000),
        outcome,
        ...faultOf(report),
      },
      error,
      failed: outcome === "failed" || outcome === "refused",
    });
  }
}

function operationOf(route: string): Operation {
  return operations.find(([end]) => route.endsWith(end))?.[1] ?? "chat";
}

function firstTokenSeconds({ start, firstToken }: Marks): number | undefined {
  return firstToken === undefined ? undefined : (firstToken - start) / 1000;
}

/** After the first, which also the prompt took its time for. */
function secondsPerToken({ firstToken, end }: Marks, tokens = 0): number | undefined {
  if (firstToken === undefined || tokens < 2 || end - firstToken < leastStream) return undefined;
  return (end - firstToken) / (tokens - 1) / 1000;
}

/** A fault of this program, where it can't be told by a response any more. */
function faultOf({ outcome, error }: AnswerReport): object {
  if (outcome !== "failed" || error?.code !== "internal") return {};
  return describeInternalError(error.cause);
}
