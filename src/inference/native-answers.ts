import { LineReader } from "../ollama/line-reader.ts";
import type { ServerSentEvent } from "../openai/server-sent-events.ts";
import { sendJsonText } from "../server/responses.ts";
import { chooseStreamFormat } from "../server/stream-format.ts";
import type { ResponseEncoder } from "../translate/response-encoder.ts";
import { toMetrics } from "../translate/metrics.ts";
import { Delivery, type DeliveryOptions, type Try } from "./delivery.ts";
import type { Exchange } from "./exchange.ts";
import type { IgnoredNotes } from "./ignored-notes.ts";
import { NativeTranslator } from "./native-translator.ts";
import type { EventReader } from "./pipeline.ts";
import { Stopwatch } from "./stopwatch.ts";

export interface NativeAnswerOptions extends DeliveryOptions {
  readonly ignored: IgnoredNotes;
}

/**
 * How an answer comes: as lines; as lines of which there will be one, which is no stream to clients;
 * or as one document.
 */
export type NativeShape = "stream" | "line" | "document";

export interface NativeQuestion extends Exchange {
  /** Below the backend's address. */
  readonly path: string;
  /** The client's own bytes where nothing in them had to be changed. */
  readonly body: string | Buffer;
  /** The model's name in it. */
  readonly asked: string;
  readonly shape: NativeShape;
  readonly encoder: Pick<ResponseEncoder<object>, "fail">;
  /** What the client or its model asked for and Ollama can't be told, by name. */
  readonly ignored: readonly string[];
  /** Milliseconds until it says anything, where that must be sooner than usual. */
  readonly patience?: number;
}

/** Answers in a real Ollama's own words; what `Answers` is for other backends. */
export class NativeAnswers {
  readonly #options: NativeAnswerOptions;

  constructor(options: NativeAnswerOptions) {
    this.#options = options;
  }

  /** @throws ProxyError when the answer had not begun. */
  async answer(question: NativeQuestion): Promise<void> {
    const { request, reply, path, body, model, asked, shape, encoder } = question;
    const { config, ignored } = this.#options;
    ignored.note(question, question.ignored);
    const stopwatch = new Stopwatch();
    const delivery = new Delivery(this.#within(question.patience), question, stopwatch);
    const translator = new NativeTranslator({
      isStream: shape !== "document",
      names: { asked, told: model },
      fail: (message) => encoder.fail(message, toMetrics({}, stopwatch.read(), 0)),
      stopwatch,
    });
    const wire =
      shape === "document"
        ? { accept: "application/json", reader: undefined }
        : { accept: "application/x-ndjson", reader: lineEvents() };
    const attempt: Try<string> = { path, body, translator, wire };
    if (shape === "stream") {
      const format = chooseStreamFormat(config.stream_format, request.headers.accept);
      await delivery.stream(attempt, format, (line) => line);
      return;
    }
    const lines = await delivery.collect(attempt);
    if (lines === undefined) return;
    await sendJsonText(reply, lines.join("\n"));
  }

  #within(patience = Number.POSITIVE_INFINITY): DeliveryOptions {
    const { config } = this.#options;
    const first_byte = Math.min(config.timeouts.first_byte, patience);
    return {
      ...this.#options,
      config: { ...config, timeouts: { ...config.timeouts, first_byte } },
    };
  }
}

function lineEvents(): EventReader {
  const reader = new LineReader();
  return {
    push: (bytes) => reader.push(bytes).map(toEvent),
    end: () => reader.end().map(toEvent),
  };
}

function toEvent(data: string): ServerSentEvent {
  return { name: "", data };
}
