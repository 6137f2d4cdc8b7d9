import { ProxyError } from "../errors.ts";
import { isErrorObject, toBackendError } from "../openai/error-body.ts";
import { asArray, asObject, isObject, parseJson, type JsonObject } from "../openai/json.ts";
import { parseLoosely, splitValues } from "../openai/loose-json.ts";
import { errorBody, type ErrorShape } from "../server/responses.ts";
import type { ServerSentEvent } from "../openai/server-sent-events.ts";
import type { Progress } from "../translate/chunk-events.ts";
import type { Stopwatch } from "./stopwatch.ts";
import { tokensOf } from "./tokens.ts";
import type { Tokens, Translator } from "./translator.ts";

const doneFrame = "data: [DONE]\n\n";

/** Last events of `/v1/responses` and `/v1/messages`, which know no `[DONE]`. */
const lastEvents = new Set([
  "response.completed",
  "response.incomplete",
  "response.failed",
  "message_stop",
]);

/**
 * OpenAI's events to themselves: what `/v1` passes on. It only watches, so that commit point, errors
 * and truncation are the same as on Ollama's routes. Frames are Server-Sent Events as text.
 */
export class OpenAITranslator implements Translator<string> {
  readonly #stopwatch: Stopwatch;
  readonly #errors: ErrorShape;
  #progress: Progress = "running";
  /** It is a stream of OpenAI's older APIs, whose clients wait for a last frame. */
  #hasChoices = false;
  tokens: Tokens | undefined;
  /** Frames that mean nothing yet wait for one that does, so that a failure can have its status. */
  #prelude: string[] | undefined = [];

  constructor(stopwatch: Stopwatch, errors: ErrorShape) {
    this.#stopwatch = stopwatch;
    this.#errors = errors;
  }

  get progress(): Progress {
    return this.#progress;
  }

  push(event: ServerSentEvent): string[] {
    if (this.#progress === "complete") return [];
    let frame = toFrame(event);
    if (event.data.trim() === "[DONE]") {
      this.#progress = "complete";
      return this.#release(frame);
    }
    let parsed = parseJson(event.data);
    if (parsed === undefined) {
      parsed = parseLoosely(event.data);
      if (parsed === undefined) return this.#pushValues(event);
      frame = toFrame({ name: event.name, data: JSON.stringify(parsed) });
    }
    if (event.name === "error" || isErrorObject(parsed)) throw toBackendError(parsed);
    const chunk = asObject(parsed) ?? {};
    const choices = asArray(chunk["choices"]);
    this.#hasChoices ||= choices.length > 0;
    this.tokens = { ...this.tokens, ...tokensOf(chunk) };
    if (choices.some(isWhole)) return this.#whole(chunk, choices);
    if ([event.name, chunk["type"]].some(isLastEvent) || choices.some(isFinished)) {
      this.#progress = "finished";
    }
    if (
      this.#prelude === undefined ||
      chunk["choices"] === undefined ||
      choices.some(saysSomething)
    ) {
      return this.#release(frame);
    }
    this.#prelude.push(frame);
    return [];
  }

  /** Several values in one event, as some gateways glue them. */
  #pushValues({ name, data }: ServerSentEvent): string[] {
    const values = splitValues(data);
    if (values.length < 2) {
      throw new ProxyError("upstream_malformed", "invalid response from upstream");
    }
    return values.flatMap((value) => this.push({ name, data: value }));
  }

  end(): string[] {
    if (this.#progress === "running") {
      throw new ProxyError("upstream_truncated", "stream ended before completion");
    }
    const rest = this.#prelude ?? [];
    return this.#hasChoices && this.#progress === "finished" ? [...rest, doneFrame] : rest;
  }

  /** No `[DONE]` follows, so that a client that overlooks the error still sees a cut stream. */
  fail(error: ProxyError): string[] {
    const data = JSON.stringify(errorBody(error, this.#errors));
    return [toFrame({ name: this.#errors === "anthropic" ? "error" : "", data })];
  }

  /** An answer in one piece where a stream was asked for: the stream of one chunk that says the same. */
  #whole(answer: JsonObject, choices: readonly unknown[]): string[] {
    const streamed = choices.map((choice) => {
      const { message, ...rest } = asObject(choice) ?? {};
      return { ...rest, delta: message };
    });
    const chunk = { ...answer, object: "chat.completion.chunk", choices: streamed };
    this.#progress = "complete";
    return this.#release(`data: ${JSON.stringify(chunk)}\n\n${doneFrame}`);
  }

  #release(frame: string): string[] {
    this.#stopwatch.markFirstToken();
    const frames = [...(this.#prelude ?? []), frame];
    this.#prelude = undefined;
    return frames;
  }
}

function toFrame({ name, data }: ServerSentEvent): string {
  const lines = data.includes("\n") ? data.split("\n").join("\ndata: ") : data;
  return name === "" ? `data: ${lines}\n\n` : `event: ${name}\ndata: ${lines}\n\n`;
}

function isLastEvent(type: unknown): boolean {
  return typeof type === "string" && lastEvents.has(type);
}

function isWhole(choice: unknown): boolean {
  return isObject(asObject(choice)?.["message"]);
}

function isFinished(choice: unknown): boolean {
  const reason = asObject(choice)?.["finish_reason"];
  return typeof reason === "string" && reason !== "";
}

function saysSomething(choice: unknown): boolean {
  const object = asObject(choice);
  if (isFinished(object) || object?.["text"] !== undefined) return true;
  return Object.entries(asObject(object?.["delta"]) ?? {}).some(
    ([key, value]) => key !== "role" && value !== null && value !== "",
  );
}
