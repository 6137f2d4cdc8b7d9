import { sendDocument, sendJson } from "../server/responses.ts";
import type { ProxyError } from "../errors.ts";
import type { Target } from "../routing/resolve.ts";
import { chooseStreamFormat, passedEvents } from "../server/stream-format.ts";
import { toMetrics } from "../translate/metrics.ts";
import type { ResponseEncoder } from "../translate/response-encoder.ts";
import { Adaptation, type Question } from "./adaptation.ts";
import { Delivery, type DeliveryOptions, type Try } from "./delivery.ts";
import { DocumentTranslator } from "./document-translator.ts";
import { routeOf, type Exchange } from "./exchange.ts";
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
  readonly stream: boolean;
  readonly ask: (target: Target) => PassedQuestion;
}

/** A request as one backend gets it. */
interface PassedQuestion {
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
    const { request, reply, encoder } = answer;
    const stopwatch = new Stopwatch();
    let translator: OllamaTranslator<Response> | undefined;
    const finishReason = () => translator?.finishReason;
    const ask = (target: Target): Try<Response> => {
      const adaptation = new Adaptation(answer.question, target, config.image_urls, learned);
      const attempt = (): Try<Response> => {
        const { lowered, cut } = adaptation;
        ignored.note({ reply, target }, lowered.ignored, cut ? [oldest] : []);
        translator = new OllamaTranslator(encoder, stopwatch, lowered, newId);
        return {
          path: routeOf(target, lowered.path),
          body: JSON.stringify(lowered.body),
          translator,
          again: (refusal) => (adaptation.adaptTo(refusal) ? attempt() : undefined),
          answered: () => adaptation.succeed(),
        };
      };
      return attempt();
    };
    const fail = ({ message }: ProxyError) => [
      encoder.fail(message, toMetrics({}, stopwatch.read(), 0)),
    ];
    const delivery = new Delivery(this.#options, answer, stopwatch, { ask, fail });
    if (answer.stream) {
      const format = chooseStreamFormat(config.stream_format, request.headers.accept);
      await delivery.stream(format, answer.lineText);
    } else {
      const lines = await delivery.collect();
      if (lines === undefined) return;
      if (finishReason() === "content_filter") ignored.add(reply, "content_filter");
      await sendJson(reply, answer.join(lines));
    }
    if (finishReason() === "content_filter") {
      log.warn({ model: answer.target.model.name }, "the backend's content filter ended an answer");
    }
  }

  /** `/v1`: the client's request and the backend's answer, passed on. */
  async openai(answer: PassedAnswer): Promise<void> {
    const { reply, errors, stream } = answer;
    const { ignored, newId } = this.#options;
    const stopwatch = new Stopwatch();
    const ask = (target: Target): Try<string> => {
      const asked = answer.ask(target);
      ignored.note({ reply, target }, asked.ignored);
      return {
        path: routeOf(target, asked.path),
        body: JSON.stringify(asked.body),
        translator: stream
          ? new OpenAITranslator(stopwatch, errors)
          : new DocumentTranslator(newId),
      };
    };
    const fail = (error: ProxyError) => new OpenAITranslator(stopwatch, errors).fail(error);
    const delivery = new Delivery(this.#options, answer, stopwatch, { ask, fail });
    if (stream) {
      await delivery.stream(passedEvents, (event) => event);
      return;
    }
    const document = await delivery.collect();
    if (document !== undefined) await sendDocument(reply, document.join(""));
  }
}
