import { asCount, asObject, type JsonObject } from "../openai/json.ts";
import type { Tokens } from "./translator.ts";

/**
 * What one object of an answer that is passed on tells of tokens: in `usage` as OpenAI and Anthropic
 * have it, in the `response` or `message` of their events, or beside the answer as Ollama has it.
 */
export function tokensOf(object: JsonObject | undefined): Tokens | undefined {
  if (object === undefined) return undefined;
  const inner = asObject(object["response"]) ?? asObject(object["message"]);
  const usage = asObject(object["usage"]) ?? asObject(inner?.["usage"]) ?? object;
  const input = firstCount(usage, ["prompt_tokens", "input_tokens", "prompt_eval_count"]);
  const output = firstCount(usage, ["completion_tokens", "output_tokens", "eval_count"]);
  if (input === undefined && output === undefined) return undefined;
  return { ...(input === undefined ? {} : { input }), ...(output === undefined ? {} : { output }) };
}

function firstCount(object: JsonObject, names: readonly string[]): number | undefined {
  return names.map((name) => asCount(object[name])).find((count) => count !== undefined);
}
