import { sendDocument, sendJson } from "../server/responses.ts";
import { chooseStreamFormat, passedEvents } from "../server/stream-format.ts";
import type { ResponseEncoder } from "../translate/response-encoder.ts";
import { Adaptation, type Question } from "./adaptation.ts";
import { Delivery, type DeliveryOptions, type Try } from "./delivery.ts";
import { DocumentTranslator } from "./document-translator.ts";
import type { Exchange } from "./exchange.ts";
import type { IgnoredNotes } from "./ignored-notes.ts";
import type { LearnedNotes } from "./learned-notes.ts";
import type { LineText } from "./line-text.ts";
import { OllamaTranslator } from "./ollama-translator.ts";
import { OpenAITranslator } from "./openai-translator.ts";
import { Stopwatch } from "./stopwatch.ts";

export interface AnswerOptions extends DeliveryOptions {
  readonly ignored: IgnoredNotes;
  readonly learned: LearnedNotes;
  /** An id for a tool call whose backend gave none. */
  readonly newId: () => string;
}

interface OllamaAnswer<Response> extends Exchange {
  readonly question: Question;
  readonly encoder: ResponseEncoder<Response>;
  readonly stream: boolean;
  readonly lineText: LineText<Response>;
  /** All lines of the stream as the one object of `stream: false`. */
  readonly join: (lines: readonly Response[]) => Response;
}

/** What is told of a conversation whose oldest turns had to go, as they go in Ollama. */
const oldest = "messages.oldest";

interface PassedAnswer extends Exchange {
  /** Below the backend's base URL. */
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** What the client sent and the backend is not told, by name. */
  readonly ignored: readonly string[];
}

/** Where handlers, backends and translation meet: it answers a request, whole or as a stream. */
export class Answers {
  readonly #options: AnswerOptions;

  constructor(options: AnswerOptions) {
    this.#options = options;
  }

  /** @throws ProxyError when the answer had not begun. */
  async ollama<Response>(answer: OllamaAnswer<Response>): Promise<void> {
    const { config, log, newId, ignored, learned } = this.#options;
    const { request, reply, target, encoder } = answer;
    const adaptation = new Adaptation(answer.question, target, config.image_urls, learned);
    const stopwatch = new Stopwatch();
    const delivery = new Delivery(this.#options, answer, stopwatch);
    let translator: OllamaTranslator<Response> | undefined;
    const finishReason = () => translator?.finishReason;
    const attempt = (): Try<Response> => {
      const { lowered, cut } = adaptation;
      ignored.note(answer, lowered.ignored, cut ? [oldest] : []);
      translator = new OllamaTranslator(encoder, stopwatch, lowered, newId);
      return {
        path: lowered.path,
        body: JSON.stringify(lowered.body),
        translator,
        again: (refusal) => (adaptation.adaptTo(refusal) ? attempt() : undefined),
        answered: () => adaptation.succeed(),
      };
    };
    if (answer.stream) {
      const format = chooseStreamFormat(config.stream_format, request.headers.accept);
      await delivery.stream(attempt(), format, answer.lineText);
    } else {
      const lines = await delivery.collect(attempt());
      if (lines === undefined) return;
      if (finishReason() === "content_filter") ignored.add(reply, "content_filter");
      await sendJson(reply, answer.join(lines));
    }
    if (finishReason() === "content_filter") {
      log.warn({ model: target.model.name }, "the backend's content filter ended an answer");
    }
  }

  /** `/v1`: the client's request and the backend's answer, passed on. */
  async openai(answer: PassedAnswer): Promise<void> {
    const { path, reply, errors } = answer;
    const stopwatch = new Stopwatch();
    const delivery = new Delivery(this.#options, answer, stopwatch);
    this.#options.ignored.note(answer, answer.ignored);
    const body = JSON.stringify(answer.body);
    if (answer.body["stream"] === true) {
      const translator = new OpenAITranslator(stopwatch, errors);
      await delivery.stream({ path, body, translator }, passedEvents, (event) => event);
      return;
    }
    const translator = new DocumentTranslator(this.#options.newId);
    const document = await delivery.collect({ path, body, translator });
    if (document !== undefined) await sendDocument(reply, document.join(""));
  }
}
