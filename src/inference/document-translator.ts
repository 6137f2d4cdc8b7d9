import { ProxyError } from "../errors.ts";
import { isErrorObject, toBackendError } from "../openai/error-body.ts";
import { asArray, asObject, isObject, parseJson, type JsonObject } from "../openai/json.ts";
import type { ServerSentEvent } from "../openai/server-sent-events.ts";
import { toChatCompletion } from "../translate/chat-completion.ts";
import { ChunkDecoder, type Progress } from "../translate/chunk-events.ts";
import type { CompletionEvent } from "../translate/events.ts";
import { tokensOf } from "./tokens.ts";
import type { Tokens, Translator } from "./translator.ts";

/**
 * An answer of `/v1` in one piece: passed on as it is, or put together where the backend streams
 * although it was not asked to.
 */
export class DocumentTranslator implements Translator<string> {
  readonly isWhole = true;
  readonly #decoder: ChunkDecoder;
  readonly #events: CompletionEvent[] = [];
  #firstChunk: JsonObject | undefined;
  #passed = false;
  tokens: Tokens | undefined;

  constructor(newId: () => string) {
    this.#decoder = new ChunkDecoder({ newId });
  }

  get progress(): Progress {
    return this.#passed ? "complete" : this.#decoder.progress;
  }

  push(event: ServerSentEvent): string[] {
    const parsed = parseJson(event.data);
    if (isErrorObject(parsed)) throw this.#told(toBackendError(parsed));
    this.tokens = tokensOf(asObject(parsed)) ?? this.tokens;
    if (this.#firstChunk === undefined && !isChunk(parsed)) {
      if (!isObject(parsed)) {
        throw new ProxyError("upstream_malformed", "invalid response from upstream");
      }
      this.#passed = true;
      return [event.data];
    }
    this.#firstChunk ??= asObject(parsed);
    this.#events.push(...this.#decoder.push(event));
    return [];
  }

  end(): string[] {
    if (this.#passed) return [];
    this.#events.push(...this.#decoder.end());
    return [JSON.stringify(toChatCompletion(this.#events, this.#firstChunk ?? {}))];
  }

  fail(): string[] {
    return [];
  }

  /** After the first words of the answer, an error is no refusal any more. */
  #told(error: ProxyError): ProxyError {
    if (this.#events.length === 0) return error;
    const { message, status } = error;
    return new ProxyError("upstream_truncated", message, { status, cause: error });
  }
}

function isChunk(value: unknown): boolean {
  const object = asObject(value);
  return (
    object?.["object"] === "chat.completion.chunk" ||
    asArray(object?.["choices"]).some((choice) => asObject(choice)?.["delta"] !== undefined)
  );
}
