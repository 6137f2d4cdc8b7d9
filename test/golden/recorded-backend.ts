import { isObject, type JsonObject } from "../support/ndjson.ts";
import {
  chunk,
  json,
  sse,
  type RecordedRequest,
  type Script,
} from "../support/scripted-upstream.ts";
import type { RecordedAnswer } from "./recordings.ts";

/** The models of the recording and what Ollama said of each. */
export const MODELS = {
  smol: ["completion"],
  "smol-embed": ["embedding"],
  "smol-think": ["tools", "thinking", "completion"],
} as const;

type Backend = (request: RecordedRequest) => Script;

/** Said where the recording has no answer of a model, because Ollama refused what we accept. */
const ANYTHING = said([{ message: { content: "ok" } }, { done_reason: "stop" }]);

/**
 * A backend that says what the model said in the recording, so that through us the answer has to
 * come out the same. `/v1` routes are passed through, so there it sends the recorded bytes.
 */
export function backendOf(recorded: RecordedAnswer): Backend {
  if (recorded.path.startsWith("/v1/")) return () => verbatim(recorded);
  const refusal = refusalOf(recorded);
  if (refusal) return () => refusal;
  if (recorded.path.startsWith("/api/embed")) return () => embedding(recorded);
  return isBackendsWord(recorded) ? said(linesOf(recorded.reply)) : ANYTHING;
}

/** Whether the recorded answer came from the model's side, not from Ollama's own checks. */
export function isBackendsWord(recorded: RecordedAnswer): boolean {
  if (recorded.status !== 200) return refusalOf(recorded) !== undefined;
  if (recorded.path !== "/api/chat" && recorded.path !== "/api/generate") return false;
  return linesOf(recorded.reply).some((line) => "eval_count" in line || line["done"] === false);
}

/** The objects of a body, whatever frames them: lines, events, or chunk sizes shown as text. */
export function linesOf(reply: string): JsonObject[] {
  const texts = reply.split("\n").map((line) => line.replace(/^data: /u, ""));
  const lines = texts.filter((line) => line.startsWith("{"));
  return lines.map((line): JsonObject => JSON.parse(line));
}

/**
 * A recorded text without the `…` that stands for lines not kept. The name of the event after it
 * was lost as well, and is in its data.
 */
export function withoutGap(text: string): string {
  if (text.startsWith("event: ")) {
    return text.replace(/\n+…\n(data: .*"type":"([^"]+)"\}\n)/u, "\n\nevent: $2\n$1");
  }
  return text.replace(/\n+…\n/u, text.startsWith("data: ") ? "\n\n" : "\n");
}

function verbatim({ status, reply, reply_headers: headers }: RecordedAnswer): Script {
  const type = headers["content-type"] ?? "application/json";
  return { status, headers: { "content-type": type }, steps: [withoutGap(reply)] };
}

/** The model runner's own refusal, which Ollama hands on as text. */
function refusalOf({ status, reply }: RecordedAnswer): Script | undefined {
  const error = status === 200 ? undefined : linesOf(reply)[0]?.["error"];
  if (typeof error !== "string" || !error.startsWith('{"error":')) return undefined;
  return json(status, JSON.parse(error));
}

/** The one vector of a recorded answer, with one number more that makes it 1 long where it was cut. */
function embedding({ reply }: RecordedAnswer): Script {
  const kept = (reply.match(/-?\d+\.\d+/gu) ?? []).map(Number);
  const sum = kept.reduce((total, value) => total + value * value, 0);
  const vector = sum < 0.99 ? [...kept, Math.sqrt(1 - sum)] : kept;
  return json(200, { data: [{ index: 0, embedding: vector }], usage: { prompt_tokens: 1 } });
}

function said(kept: readonly JsonObject[]): Backend {
  const ended = kept.some((line) => "done_reason" in line);
  const lines = ended ? kept : [...kept, { done_reason: "stop" }];
  const usage = chunk({}, null, { choices: [], usage: usageOf(lines) });
  return ({ path }) => {
    const choice = path === "/v1/completions" ? textChoice : chatChoice;
    const chunks = lines.map((line) => chunk({}, null, { choices: [choice(line)] }));
    return { steps: [sse(...chunks, usage, "[DONE]")] };
  };
}

function chatChoice(line: JsonObject): JsonObject {
  return {
    index: 0,
    delta: { content: textOf(line) },
    finish_reason: line["done_reason"] ?? null,
    ...("logprobs" in line && { logprobs: { content: line["logprobs"] ?? null } }),
  };
}

function textChoice(line: JsonObject): JsonObject {
  return { index: 0, text: textOf(line), finish_reason: line["done_reason"] ?? null };
}

function textOf(line: JsonObject): string {
  const message = line["message"];
  const text = isObject(message) ? message["content"] : line["response"];
  return typeof text === "string" ? text : "";
}

function usageOf(lines: readonly JsonObject[]): JsonObject {
  const last = lines.at(-1) ?? {};
  const { prompt_eval_count: prompt = 1, eval_count: completion = 1 } = last;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    prompt_tokens_details: { cached_tokens: last["prompt_eval_cached_count"] ?? 0 },
  };
}
