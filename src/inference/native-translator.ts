import { ProxyError } from "../errors.ts";
import { toBackendError } from "../openai/error-body.ts";
import { asObject, asText, parseJson } from "../openai/json.ts";
import type { ServerSentEvent } from "../openai/server-sent-events.ts";
import { toJsonText } from "../server/json-text.ts";
import type { Progress } from "../translate/chunk-events.ts";
import type { Stopwatch } from "./stopwatch.ts";
import { tokensOf } from "./tokens.ts";
import type { Tokens, Translator } from "./translator.ts";

export interface NativeTranslatorOptions {
  /** Lines that end with one that is `done`, or one object that is all of it. */
  readonly isStream: boolean;
  /** The model as the backend was asked for it, and as the client knows it. */
  readonly names: { readonly asked: string; readonly told: string };
  /** The last object of an answer that broke. */
  readonly fail: (message: string) => object;
  readonly stopwatch: Stopwatch;
}

/**
 * A real Ollama's answer to itself. It only watches, so that commit point, errors and truncation are
 * the same as on other backends; of its bytes only a model's other name is replaced.
 */
export class NativeTranslator implements Translator<string> {
  readonly #options: NativeTranslatorOptions;
  readonly #asked: string;
  readonly #told: string;
  #progress: Progress = "running";
  tokens: Tokens | undefined;
  /** What the backend itself said when its answer broke. */
  #lastWords: string | undefined;

  constructor(options: NativeTranslatorOptions) {
    this.#options = options;
    this.#asked = beginning(options.names.asked);
    this.#told = beginning(options.names.told);
  }

  get progress(): Progress {
    return this.#progress;
  }

  get isWhole(): boolean {
    return !this.#options.isStream;
  }

  push({ data }: ServerSentEvent): string[] {
    if (this.#progress === "complete") return [];
    const object = asObject(parseJson(data));
    if (object === undefined) {
      throw new ProxyError("upstream_malformed", "invalid response from upstream");
    }
    const error = asText(object["error"]);
    if (error !== undefined) {
      // Real Ollama says nothing but the error, which some clients overlook: they wait for `done`.
      this.#lastWords =
        object["done"] === true ? this.#renamed(data) : toJsonText(this.#options.fail(error));
      throw toBackendError(object);
    }
    if (this.#options.isStream) this.#options.stopwatch.markFirstToken();
    if (!this.#options.isStream || object["done"] === true) this.#progress = "complete";
    if (this.#progress === "complete") this.tokens = tokensOf(object);
    return [this.#renamed(data)];
  }

  end(): string[] {
    if (this.#progress === "complete") return [];
    throw new ProxyError("upstream_truncated", "stream ended before completion");
  }

  fail({ message }: ProxyError): string[] {
    return [this.#lastWords ?? toJsonText(this.#options.fail(message))];
  }

  #renamed(json: string): string {
    if (this.#asked === this.#told || !json.startsWith(this.#asked)) return json;
    return this.#told + json.slice(this.#asked.length);
  }
}

/** How each of Ollama's answers to a model's name begins. */
function beginning(model: string): string {
  return `{"model":${toJsonText(model)},`;
}
