import { ProxyError } from "../errors.ts";
import type { ServerSentEvent } from "../openai/server-sent-events.ts";
import { ChunkDecoder, type Progress } from "../translate/chunk-events.ts";
import type { CompletionEvent } from "../translate/events.ts";
import type { LoweredRequest } from "../translate/backend.ts";
import { toMetrics } from "../translate/metrics.ts";
import type { ResponseEncoder } from "../translate/response-encoder.ts";
import type { Stopwatch } from "./stopwatch.ts";
import type { Tokens, Translator } from "./translator.ts";

/** A model that never stops would fill the client; characters of one answer. */
const maxOutput = 64 * 1024 * 1024;

/** OpenAI's chunks to Ollama's objects: the decoder, the encoder, and the clock between them. */
export class OllamaTranslator<Response> implements Translator<Response> {
  readonly #decoder: ChunkDecoder;
  readonly #encoder: ResponseEncoder<Response>;
  readonly #stopwatch: Stopwatch;
  readonly #promptEstimate: number;
  #output = 0;
  /** The backend's own word for why it ended. */
  finishReason: string | undefined;
  tokens: Tokens | undefined;

  constructor(
    encoder: ResponseEncoder<Response>,
    stopwatch: Stopwatch,
    { promptEstimate, decoding }: Pick<LoweredRequest, "promptEstimate" | "decoding">,
    newId: () => string,
  ) {
    this.#decoder = new ChunkDecoder({ newId, ...decoding });
    this.#encoder = encoder;
    this.#stopwatch = stopwatch;
    this.#promptEstimate = promptEstimate;
  }

  get progress(): Progress {
    return this.#decoder.progress;
  }

  get stopped(): boolean {
    return this.#decoder.stopped;
  }

  push(event: ServerSentEvent): Response[] {
    const deltas = this.#decoder.push(event);
    const [only] = deltas;
    if (only === undefined) return [];
    return deltas.length === 1
      ? this.#encode(only)
      : deltas.flatMap((delta) => this.#encode(delta));
  }

  end(): Response[] {
    return this.#decoder.end().flatMap((event) => this.#encode(event));
  }

  fail(error: ProxyError): Response[] {
    const metrics = toMetrics({}, this.#stopwatch.read(), this.#promptEstimate);
    return [this.#encoder.fail(error.message, metrics)];
  }

  #encode(event: CompletionEvent): Response[] {
    this.#stopwatch.markFirstToken();
    if (event.type === "end") {
      this.finishReason = event.finishReason;
      this.tokens = { input: event.usage.promptTokens, output: event.usage.completionTokens };
      const marks = this.#stopwatch.read();
      return [this.#encoder.end(event, toMetrics(event.usage, marks, this.#promptEstimate))];
    }
    if (event.type !== "tool-call") {
      this.#output += event.text.length;
      if (this.#output > maxOutput) {
        throw new ProxyError("upstream_malformed", "output limit exceeded");
      }
    }
    return this.#encoder.push(event);
  }
}
