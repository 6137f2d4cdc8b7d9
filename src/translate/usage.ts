import { asCount, asObject, type JsonObject } from "../openai/json.ts";
import type { Usage } from "./events.ts";

const perSecond = 1e9;
const perMillisecond = 1e6;

/**
 * Counts and durations out of one chunk, wherever its backend puts them: `usage` (OpenAI),
 * `choices[0].usage` (Kimi), `x_groq.usage`, `timings` (llama.cpp, milliseconds), `time_info`
 * (Cerebras, seconds). Undefined where the chunk tells nothing; the last to tell wins.
 */
export function readUsage(chunk: JsonObject, choice: JsonObject | undefined): Usage | undefined {
  const usage =
    asObject(chunk["usage"]) ??
    asObject(choice?.["usage"]) ??
    asObject(asObject(chunk["x_groq"])?.["usage"]);
  const timings = asObject(chunk["timings"]);
  const times = asObject(chunk["time_info"]);
  if (usage === undefined && timings === undefined && times === undefined) return undefined;
  return {
    ...(usage === undefined ? {} : fromUsage(usage)),
    ...fromTimings(timings),
    ...durations(times),
  };
}

function fromUsage(usage: JsonObject): Usage {
  const details = asObject(usage["prompt_tokens_details"]);
  const cached =
    details?.["cached_tokens"] ?? usage["cached_tokens"] ?? usage["prompt_cache_hit_tokens"];
  return {
    ...tokens("promptTokens", usage["prompt_tokens"]),
    ...tokens("completionTokens", completionTokens(usage)),
    ...count("cachedTokens", cached),
    ...durations(usage),
    // LocalAI
    ...count("promptDuration", usage["timing_prompt_processing"], perMillisecond),
    ...count("completionDuration", usage["timing_token_generation"], perMillisecond),
  };
}

/** xAI and Gemini count thoughts in the total only. */
function completionTokens(usage: JsonObject): unknown {
  const prompt = toCount(usage["prompt_tokens"]);
  const total = toCount(usage["total_tokens"]);
  const told = toCount(usage["completion_tokens"]);
  return prompt === undefined || total === undefined ? told : Math.max(told ?? 0, total - prompt);
}

/** Seconds, as Groq and Cerebras tell them. */
function durations(times: JsonObject | undefined): Usage {
  return {
    ...count("promptDuration", times?.["prompt_time"], perSecond),
    ...count("completionDuration", times?.["completion_time"], perSecond),
  };
}

/** llama.cpp counts only uncached tokens in `prompt_n`; Ollama's figure is both together. */
function fromTimings(timings: JsonObject | undefined): Usage {
  if (timings === undefined) return {};
  const cached = toCount(timings["cache_n"]);
  const evaluated = toCount(timings["prompt_n"]);
  return {
    ...tokens("promptTokens", evaluated === undefined ? undefined : (cached ?? 0) + evaluated),
    ...count("cachedTokens", cached),
    ...tokens("completionTokens", timings["predicted_n"]),
    ...count("promptDuration", timings["prompt_ms"], perMillisecond),
    ...count("completionDuration", timings["predicted_ms"], perMillisecond),
  };
}

/** Ollama's own `/v1/completions` tells zeros on every chunk: a count of nothing is none. */
function tokens(key: keyof Usage, value: unknown): Usage {
  return toCount(value) === 0 ? {} : count(key, value);
}

/** Beyond the safe integers JSON would have an exponent, which Go's clients refuse. */
function count(key: keyof Usage, value: unknown, factor = 1): Usage {
  const number = Math.round((toCount(value) ?? NaN) * factor);
  return Number.isSafeInteger(number) ? { [key]: number } : {};
}

/** Some gateways print numbers as texts. */
function toCount(value: unknown): number | undefined {
  const isNumeral = typeof value === "string" && /^\d+(\.\d+)?$/.test(value);
  return asCount(isNumeral ? Number(value) : value);
}
