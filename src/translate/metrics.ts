import type { Metrics } from "../ollama/responses.ts";
import type { Usage } from "./events.ts";

/** Readings of one monotonic clock, milliseconds. Absent: it never came to that. */
export interface Marks {
  readonly start: number;
  readonly responseHeaders?: number;
  readonly firstToken?: number;
  readonly end: number;
}

/**
 * Ollama's six figures. Loading lasts until the backend's response headers, prompt evaluation from
 * there to the first token, evaluation to the end; what the backend says of itself wins.
 * @param promptEstimate tokens of the prompt, for a backend that tells no usage
 */
export function toMetrics(usage: Usage, marks: Marks, promptEstimate: number): Metrics {
  const headers = marks.responseHeaders ?? marks.end;
  const firstToken = marks.firstToken ?? marks.end;
  const cached = usage.cachedTokens;
  return {
    total_duration: nanoseconds(marks.start, marks.end),
    load_duration: nanoseconds(marks.start, headers),
    prompt_eval_count: atLeastOne(usage.promptTokens ?? promptEstimate),
    ...(cached === undefined ? {} : { prompt_eval_cached_count: Math.round(cached) }),
    prompt_eval_duration: atLeastOne(usage.promptDuration ?? nanoseconds(headers, firstToken)),
    eval_count: atLeastOne(usage.completionTokens ?? 0),
    eval_duration: atLeastOne(usage.completionDuration ?? nanoseconds(firstToken, marks.end)),
  };
}

function nanoseconds(from: number, to: number): number {
  return atLeastOne((to - from) * 1e6);
}

/** Go leaves zeros out, and clients miss them; a count of 0 would be told as absent. */
function atLeastOne(value: number): number {
  return Math.max(1, Math.round(value));
}
