import { ProxyError } from "../errors.ts";
import { isErrorObject, toBackendError } from "../openai/error-body.ts";
import { asArray, asObject, asText, isObject, parseJson, type JsonObject } from "../openai/json.ts";
import type { ServerSentEvent } from "../openai/server-sent-events.ts";
import type { CompletionEvent, DeltaEvent, EndEvent, TokenLogprob, Usage } from "./events.ts";
import { readLogprobs } from "./logprobs.ts";
import { ToolCallAssembler } from "./tool-calls.ts";
import { readUsage } from "./usage.ts";

/** Every `finish_reason` that does not mean an ordinary stop. */
const finishReasons: Readonly<Record<string, "length" | "error">> = {
  length: "length",
  max_tokens: "length",
  model_length: "length",
  insufficient_system_resource: "length",
  error: "error",
  abort: "error",
};

const reasoningFields = ["reasoning_content", "reasoning", "reasoning_text"] as const;

/** How far the answer has come: `finished` may still be followed by usage, `complete` by nothing. */
export type Progress = "running" | "finished" | "complete";

/**
 * Chunks of any OpenAI-compatible backend to events, as a fold: streamed chat and text completions,
 * and whole ones, which have `message` or `text` where chunks have `delta`.
 */
export class ChunkDecoder {
  readonly #toolCalls: ToolCallAssembler;
  readonly #topLogprobs: number;
  readonly #text = new SurrogateJoiner("text-delta");
  readonly #thinking = new SurrogateJoiner("thinking-delta");
  #finishReason: string | undefined;
  #progress: Progress = "running";
  #usage: Usage = {};
  #deltas = 0;

  /**
   * @param newId makes an id for a tool call whose backend gave none
   * @param topLogprobs at most so many candidates a token: backends are asked for one at least
   */
  constructor(newId: () => string, topLogprobs = Infinity) {
    this.#toolCalls = new ToolCallAssembler(newId);
    this.#topLogprobs = topLogprobs;
  }

  get progress(): Progress {
    return this.#progress;
  }

  /** @throws ProxyError for an error event, one that is no JSON, or one of an impossible shape. */
  push(event: ServerSentEvent): DeltaEvent[] {
    const data = event.data.trim();
    if (this.#progress === "complete" || data === "") return [];
    if (data === "[DONE]") {
      this.#progress = "complete";
      return [];
    }
    const parsed = parseJson(event.data);
    if (parsed === undefined) return this.#pushLines(event);
    if (event.name === "error" || isErrorObject(parsed)) throw toBackendError(parsed);
    if (!isObject(parsed)) throw malformed();
    return this.#chunk(parsed);
  }

  /**
   * The calls that were being put together, and the one end.
   * @throws ProxyError when neither a finish reason nor `[DONE]` was seen.
   */
  end(): CompletionEvent[] {
    if (this.#progress === "running") {
      throw new ProxyError("upstream_truncated", "stream ended before completion");
    }
    const end: EndEvent = {
      type: "end",
      reason: finishReasons[this.#finishReason ?? ""] === "length" ? "length" : "stop",
      finishReason: this.#finishReason,
      usage: { completionTokens: this.#deltas, ...this.#usage },
    };
    return [...this.#thinking.end(), ...this.#text.end(), ...this.#toolCalls.end(), end];
  }

  /** Some servers leave out the blank lines, so that one event holds several chunks. */
  #pushLines(event: ServerSentEvent): DeltaEvent[] {
    const lines = event.data.split("\n");
    if (lines.length < 2) throw malformed();
    return lines.flatMap((data) => this.push({ name: event.name, data }));
  }

  #chunk(chunk: JsonObject): DeltaEvent[] {
    const choice = asArray(chunk["choices"]).find(isFirstChoice);
    const usage = readUsage(chunk, choice);
    if (usage !== undefined) this.#usage = { ...this.#usage, ...usage };
    if (choice === undefined || this.#progress !== "running") return [];
    const delta = asObject(choice["delta"]) ?? asObject(choice["message"]) ?? textOf(choice);
    const logprobs = readLogprobs(choice["logprobs"], this.#topLogprobs);
    const events = delta === undefined ? [] : this.#delta(delta, logprobs);
    const finishReason = asText(choice["finish_reason"]);
    if (finishReason !== undefined) {
      if (finishReasons[finishReason] === "error") throw toBackendError(chunk);
      this.#finishReason = finishReason;
      this.#progress = "finished";
    }
    return events;
  }

  #delta(delta: JsonObject, logprobs: readonly TokenLogprob[] | undefined): DeltaEvent[] {
    this.#toolCalls.push(delta["tool_calls"]);
    const legacyCall = asObject(delta["function_call"]);
    if (legacyCall !== undefined) this.#toolCalls.push([{ index: 0, function: legacyCall }]);
    const { text, thinking } = readContent(delta);
    const events = [
      ...this.#thinking.push(thinking, text === "" ? logprobs : undefined),
      ...this.#text.push(text, logprobs),
    ];
    this.#deltas += events.length;
    return events;
  }
}

/** We never ask for more than one choice. */
function isFirstChoice(choice: unknown): choice is JsonObject {
  return isObject(choice) && (choice["index"] ?? 0) === 0;
}

/** A text completion has its text on the choice itself. */
function textOf(choice: JsonObject): JsonObject | undefined {
  return typeof choice["text"] === "string" ? { content: choice["text"] } : undefined;
}

function readContent(delta: JsonObject): { text: string; thinking: string } {
  const content = delta["content"];
  let text = "";
  let thinking = "";
  if (typeof content === "string") text = content;
  else if (Array.isArray(content)) ({ text, thinking } = readParts(content));
  else if (content !== undefined && content !== null) throw malformed();
  if (text === "") text = asText(delta["refusal"]) ?? "";
  for (const field of reasoningFields) {
    if (thinking === "") thinking = asText(delta[field]) ?? "";
  }
  return { text, thinking };
}

/** Mistral: `[{type:"thinking", thinking:[{type:"text", text}]}, {type:"text", text}]`. */
function readParts(parts: readonly unknown[]): { text: string; thinking: string } {
  let text = "";
  let thinking = "";
  for (const part of parts) {
    if (typeof part === "string") text += part;
    if (!isObject(part)) continue;
    text += asText(part["text"]) ?? "";
    const thought = part["thinking"];
    thinking += typeof thought === "string" ? thought : asArray(thought).map(textOfPart).join("");
  }
  return { text, thinking };
}

function textOfPart(part: unknown): string {
  return asText(asObject(part)?.["text"]) ?? "";
}

/**
 * Text of one kind. An emoji may come with one half of its surrogate pair in one event and the other
 * in the next: the first half waits; one that stays alone becomes U+FFFD, for a lone surrogate in
 * JSON breaks clients later.
 */
class SurrogateJoiner {
  readonly #type: "text-delta" | "thinking-delta";
  #half = "";

  constructor(type: "text-delta" | "thinking-delta") {
    this.#type = type;
  }

  push(piece: string, logprobs: readonly TokenLogprob[] | undefined): DeltaEvent[] {
    if (piece === "") return [];
    let text = this.#half + piece;
    this.#half = "";
    const last = text.charCodeAt(text.length - 1);
    if (last >= 0xd800 && last <= 0xdbff) {
      this.#half = text.slice(-1);
      text = text.slice(0, -1);
    }
    if (text === "") return [];
    if (!text.isWellFormed()) text = text.toWellFormed();
    return [
      logprobs === undefined ? { type: this.#type, text } : { type: this.#type, text, logprobs },
    ];
  }

  end(): DeltaEvent[] {
    return this.#half === "" ? [] : [{ type: this.#type, text: "\uFFFD" }];
  }
}

function malformed(): ProxyError {
  return new ProxyError("upstream_malformed", "invalid response from upstream");
}
