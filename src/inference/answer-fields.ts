import type { Exchange } from "./exchange.ts";
import type { Stopwatch } from "./stopwatch.ts";

/** What the log tells of every answer: no texts, and no words of a backend's, which may repeat them. */
export function answerFields(
  { request, target }: Pick<Exchange, "request" | "target">,
  stopwatch: Stopwatch,
  outcome: string,
): object {
  const { start, end, firstToken } = stopwatch.read();
  return {
    route: request.routeOptions.url,
    model: target.model.name,
    upstream: target.model.upstream.id,
    outcome,
    ms: Math.round(end - start),
    ...(firstToken === undefined ? {} : { first_token_ms: Math.round(firstToken - start) }),
  };
}
