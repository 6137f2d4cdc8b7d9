import type { Operation } from "../observe/answer-metrics.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { RequestLog } from "../observe/request-log.ts";
import { describeInternalError } from "../server/internal-errors.ts";
import type { Marks } from "../translate/metrics.ts";
import type { AnswerReport } from "./answer-report.ts";

/** Every route whose answers are counted, by its end. */
const operations: Readonly<Record<string, Operation>> = {
  "/api/chat": "chat",
  "/v1/chat/completions": "chat",
  "/v1/responses": "chat",
  "/v1/messages": "chat",
  "/api/generate": "text_completion",
  "/v1/completions": "text_completion",
  "/api/embed": "embeddings",
  "/api/embeddings": "embeddings",
  "/v1/embeddings": "embeddings",
};

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
    const operation = operationOf(request.routeOptions.url ?? "");
    for (const { upstream: failed, code, ambiguous } of retries) {
      answers.countRetry(failed, code, ambiguous);
    }
    if (operation === undefined) return;
    const isGood = outcome === "ok";
    const clientClosed = outcome === "client_closed" ? "client_closed" : undefined;
    answers.count({
      operation,
      model,
      upstream,
      error: isGood ? undefined : (clientClosed ?? error?.code ?? "internal"),
      seconds: (marks.end - marks.start) / 1000,
      firstTokenSeconds: isGood ? firstTokenSeconds(marks) : undefined,
      secondsPerToken: isGood ? secondsPerToken(marks, tokens?.output) : undefined,
      inputTokens: tokens?.input,
      outputTokens: tokens?.output,
    });
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

/** The path may have the prefix of all paths before it. */
function operationOf(path: string): Operation | undefined {
  const end = Object.keys(operations).find((each) => path.endsWith(each));
  return end === undefined ? undefined : operations[end];
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
