import type { ProxyError } from "../errors.ts";
import { toJsonText } from "../server/json-text.ts";
import { LineReader } from "../ollama/line-reader.ts";
import type { ServerSentEvent } from "../openai/server-sent-events.ts";
import { sendJsonText } from "../server/responses.ts";
import type { Target } from "../routing/resolve.ts";
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
  readonly ask: (target: Target) => NativeRequest;
  readonly shape: NativeShape;
  readonly encoder: Pick<ResponseEncoder<object>, "fail">;
}

/** A request as one Ollama gets it. */
export interface NativeRequest {
  /** The client's own bytes where nothing in them had to be changed. */
  readonly body: string | Buffer;
  /** The model's name in it. */
  readonly asked: string;
  /** What the client or its model asked for and Ollama can't be told, by name. */
  readonly ignored: readonly string[];
}

/** Answers in a real Ollama's own words; what `Answers` is for other backends. */
export class NativeAnswers {
  readonly #options: NativeAnswerOptions;

  constructor(options: NativeAnswerOptions) {
    this.#options = options;
  }

  /** @throws ProxyError when the answer had not begun. */
  async answer(question: NativeQuestion): Promise<void> {
    const { request, reply, path, model, shape, encoder } = question;
    const { config, ignored } = this.#options;
    const stopwatch = new Stopwatch();
    const lastWords = (text: string) => encoder.fail(text, toMetrics({}, stopwatch.read(), 0));
    const fail = ({ message }: ProxyError) => [toJsonText(lastWords(message))];
    const ask = (target: Target): Try<string> => {
      const { body, asked, ignored: names } = question.ask(target);
      ignored.note({ reply, target }, names);
      const translator = new NativeTranslator({
        isStream: shape !== "document",
        names: { asked, told: model },
        fail: lastWords,
        stopwatch,
      });
      const wire =
        shape === "document"
          ? { accept: "application/json", reader: undefined }
          : { accept: "application/x-ndjson", reader: lineEvents() };
      return { path, body, translator, wire };
    };
    const delivery = new Delivery(this.#options, question, stopwatch, { ask, fail });
    if (shape === "stream") {
      const format = chooseStreamFormat(config.stream_format, request.headers.accept);
      await delivery.stream(format, (line) => line);
      return;
    }
    const lines = await delivery.collect();
    if (lines === undefined) return;
    await sendJsonText(reply, lines.join("\n"));
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
