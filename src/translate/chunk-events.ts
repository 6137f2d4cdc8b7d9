import { contextOverflow, ProxyError, toProxyError } from "../errors.ts";
import { isErrorObject, toBackendError } from "../openai/error-body.ts";
import { asArray, asObject, asText, isObject, parseJson, type JsonObject } from "../openai/json.ts";
import { parseLoosely, splitValues } from "../openai/loose-json.ts";
import type { ServerSentEvent } from "../openai/server-sent-events.ts";
import { AnswerText, type AnswerTextOptions } from "./answer-text.ts";
import { readContent } from "./delta-content.ts";
import type { CompletionEvent, DeltaEvent, EndEvent, TokenLogprob, Usage } from "./events.ts";
import { readLogprobs } from "./logprobs.ts";
import { fromNativeCompletion } from "./native-completion.ts";
import { ToolCallAssembler } from "./tool-calls.ts";
import { readUsage } from "./usage.ts";

/** Every `finish_reason` that does not mean an ordinary stop. */
const finishReasons: Readonly<Record<string, "length" | "error">> = {
  length: "length",
  max_tokens: "length",
  model_length: "length",
  model_context_window_exceeded: "length",
  insufficient_system_resource: "length",
  error: "error",
  abort: "error",
  network_error: "error",
};

/** How far the answer has come: `finished` may still be followed by usage, `complete` by nothing. */
export type Progress = "running" | "finished" | "complete";

export interface DecoderOptions extends AnswerTextOptions {
  /** Makes an id for a tool call whose backend gave none. */
  readonly newId: () => string;
  /** At most so many candidates a token: backends are asked for one at least. */
  readonly topLogprobs?: number;
  /** Tokens. A prompt that fills them and is answered by nothing did not fit. */
  readonly contextLength?: number;
}

/**
 * Chunks of any OpenAI-compatible backend to events, as a fold: streamed chat and text completions,
 * and whole ones, which have `message` or `text` where chunks have `delta`.
 */
export class ChunkDecoder {
  readonly #toolCalls: ToolCallAssembler;
  readonly #answer: AnswerText;
  readonly #topLogprobs: number;
  readonly #contextLength: number;
  #finishReason: string | undefined;
  #progress: Progress = "running";
  /** Came in one event with something to tell first. */
  #failure: ProxyError | undefined;
  #usage: Usage = {};
  #deltas = 0;

  constructor(options: DecoderOptions) {
    this.#toolCalls = new ToolCallAssembler(options.newId);
    this.#answer = new AnswerText(options);
    this.#topLogprobs = options.topLogprobs ?? Infinity;
    this.#contextLength = options.contextLength ?? Infinity;
  }

  get progress(): Progress {
    return this.#progress;
  }

  /** Whether the answer is complete although the backend may go on: a stop text was found here. */
  get stopped(): boolean {
    return this.#answer.stopped;
  }

  /** @throws ProxyError for an error event, one that is no JSON, or one of an impossible shape. */
  push(event: ServerSentEvent): DeltaEvent[] {
    const data = event.data.trim();
    if (this.#progress === "complete" || data === "") return [];
    if (data === "[DONE]") {
      this.#progress = "complete";
      return [];
    }
    const parsed = parseJson(data);
    return parsed === undefined
      ? this.#pushLoose(event.name, data)
      : this.#value(event.name, parsed);
  }

  /**
   * The calls that were being put together, and the one end.
   * @throws ProxyError when neither a finish reason nor `[DONE]` was seen.
   */
  end(): CompletionEvent[] {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#progress === "running") {
      throw new ProxyError("upstream_truncated", "stream ended before completion");
    }
    const texts = this.#answer.end();
    const calls = this.#answer.stopped ? this.#toolCalls.endEarly() : this.#toolCalls.end();
    const events = [...texts, ...calls];
    if (this.#deltas + events.length === 0 && this.#fillsContext()) throw contextOverflow();
    const finishReason = this.#answer.stopped ? "stop" : this.#finishReason;
    const end: EndEvent = {
      type: "end",
      reason: finishReasons[finishReason ?? ""] === "length" ? "length" : "stop",
      finishReason,
      usage: { completionTokens: this.#deltas, ...this.#usage },
    };
    return [...events, end];
  }

  /** LM Studio's way to say that a prompt is too long is an answer without a word. */
  #fillsContext(): boolean {
    return (this.#usage.promptTokens ?? 0) >= this.#contextLength;
  }

  /** An event that is several: what came before a broken one is told all the same. */
  #pushLoose(name: string, data: string): DeltaEvent[] {
    if (name === "error") throw toBackendError(data);
    const events: DeltaEvent[] = [];
    for (const text of splitValues(data)) {
      if (this.#progress === "complete") break;
      try {
        if (text === "[DONE]") this.#progress = "complete";
        else events.push(...this.#value(name, parseLoosely(text)));
      } catch (error) {
        this.#fail(toProxyError(error), events);
      }
    }
    return events;
  }

  #value(name: string, value: unknown): DeltaEvent[] {
    if (name === "error" || isErrorObject(value)) throw toBackendError(value);
    if (!isObject(value)) {
      throw new ProxyError("upstream_malformed", "invalid response from upstream");
    }
    return this.#chunk(value);
  }

  #chunk(chunk: JsonObject): DeltaEvent[] {
    const choice = asArray(chunk["choices"]).find(isFirstChoice) ?? fromNativeCompletion(chunk);
    const usage = readUsage(chunk, choice);
    if (usage !== undefined) this.#usage = { ...this.#usage, ...usage };
    if (choice === undefined || this.#progress !== "running") return [];
    const delta = asObject(choice["delta"]) ?? asObject(choice["message"]) ?? textOf(choice);
    const logprobs = readLogprobs(choice["logprobs"], this.#topLogprobs);
    const events = delta === undefined ? [] : this.#delta(delta, logprobs);
    const finishReason = this.#answer.stopped ? "stop" : asText(choice["finish_reason"]);
    if (finishReason === undefined) return events;
    if (finishReasons[finishReason] === "error") this.#fail(toBackendError(chunk), events);
    this.#finishReason = finishReason;
    this.#progress = this.#answer.stopped || this.#failure !== undefined ? "complete" : "finished";
    return events;
  }

  /** Calls come behind the text of their chunk, and not at all where it was stopped. */
  #delta(delta: JsonObject, logprobs: readonly TokenLogprob[] | undefined): DeltaEvent[] {
    const events = this.#content(delta, logprobs);
    if (this.#answer.stopped) return events;
    this.#toolCalls.push(delta["tool_calls"]);
    const legacyCall = asObject(delta["function_call"]);
    if (legacyCall !== undefined) this.#toolCalls.push([{ index: 0, function: legacyCall }]);
    return events;
  }

  #content(delta: JsonObject, logprobs: readonly TokenLogprob[] | undefined): DeltaEvent[] {
    const { text, thinking } = readContent(delta);
    if (text !== "") this.#deltas += 1;
    if (thinking === "") {
      return text === "" && logprobs === undefined ? [] : this.#answer.push(text, logprobs);
    }
    this.#deltas += 1;
    if (text === "") return this.#answer.pushThinking(thinking, logprobs);
    return [
      ...this.#answer.pushThinking(thinking, undefined),
      ...this.#answer.push(text, logprobs),
    ];
  }

  /** Fails now, or with the next call where there is something to tell first. */
  #fail(error: ProxyError, before: readonly DeltaEvent[]): void {
    if (before.length === 0) throw error;
    this.#failure = error;
    this.#progress = "complete";
  }
}

/** We never ask for more than one choice. */
function isFirstChoice(choice: unknown): choice is JsonObject {
  return isObject(choice) && [undefined, null, 0, "0"].includes(choice["index"] as null);
}

/** A text completion has its text on the choice itself. */
function textOf(choice: JsonObject): JsonObject | undefined {
  return typeof choice["text"] === "string" ? { content: choice["text"] } : undefined;
}
