import type { FastifyReply, FastifyRequest } from "fastify";
import type { Config } from "../config/schema.ts";
import { modelNotFound, ProxyError, toProxyError } from "../errors.ts";
import type { Logger } from "../observe/logger.ts";
import type { Target } from "../routing/resolve.ts";
import { sendDocument, sendJson, type ErrorShape } from "../server/responses.ts";
import { chooseStreamFormat, passedEvents, type StreamFormat } from "../server/stream-format.ts";
import { StreamWriter } from "../server/stream-writer.ts";
import type { LoweredRequest } from "../translate/inference-request.ts";
import type { ResponseEncoder } from "../translate/response-encoder.ts";
import { IgnoredNotes } from "./ignored-notes.ts";
import type { LineText } from "./line-text.ts";
import { OllamaTranslator } from "./ollama-translator.ts";
import { DocumentTranslator } from "./document-translator.ts";
import { OpenAITranslator } from "./openai-translator.ts";
import { Pipeline, type Outcome } from "./pipeline.ts";
import type { RunningAnswers } from "./running.ts";
import { Stopwatch } from "./stopwatch.ts";
import { Collector, TextSink, type Sink } from "./sinks.ts";
import type { Translator } from "./translator.ts";

export interface AnswerOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly running: RunningAnswers;
  /** An id for a tool call whose backend gave none. */
  readonly newId: () => string;
}

/** One request on its way, as its handler knows it. */
interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly target: Target;
  /** The model as the client spelled it. */
  readonly model: string;
}

interface OllamaAnswer<Response> extends Exchange {
  readonly lowered: LoweredRequest;
  readonly encoder: ResponseEncoder<Response>;
  readonly stream: boolean;
  readonly lineText: LineText<Response>;
  /** All lines of the stream as the one object of `stream: false`. */
  readonly join: (lines: readonly Response[]) => Response;
}

interface PassedAnswer extends Exchange {
  /** Below the backend's base URL. */
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly errors: ErrorShape;
  /** What the client sent and the backend is not told, by name. */
  readonly ignored: readonly string[];
}

/** Where handlers, backends and translation meet: it answers a request, whole or as a stream. */
export class Answers {
  readonly #options: AnswerOptions;
  readonly #ignored: IgnoredNotes;

  constructor(options: AnswerOptions) {
    this.#options = options;
    this.#ignored = new IgnoredNotes(options.log);
  }

  /** @throws ProxyError when the answer had not begun. */
  async ollama<Response>(answer: OllamaAnswer<Response>): Promise<void> {
    const { request, reply, lowered, target } = answer;
    const { config, newId } = this.#options;
    const stopwatch = new Stopwatch();
    const translator = new OllamaTranslator(answer.encoder, stopwatch, lowered, newId);
    const ignored = this.#ignored.note(reply, target.model.name, lowered.ignored);
    const run = {
      ...answer,
      path: lowered.path,
      body: JSON.stringify(lowered.body),
      translator,
      stopwatch,
    };
    if (answer.stream) {
      const format = chooseStreamFormat(config.stream_format, request.headers.accept);
      await this.#stream(run, format, answer.lineText);
    } else {
      const lines = await this.#collect(run);
      if (lines !== undefined) {
        this.#ignored.filtered(reply, ignored, translator.finishReason);
        await sendJson(reply, answer.join(lines));
      }
    }
    if (translator.finishReason === "content_filter") {
      this.#options.log.warn(
        { model: target.model.name },
        "the backend's content filter ended an answer",
      );
    }
  }

  /** `/v1`: the client's request and the backend's answer, passed on. */
  async openai(answer: PassedAnswer): Promise<void> {
    const stopwatch = new Stopwatch();
    const translator = new OpenAITranslator(stopwatch, answer.errors);
    this.#ignored.note(answer.reply, answer.target.model.name, answer.ignored);
    const run = { ...answer, body: JSON.stringify(answer.body), translator, stopwatch };
    if (answer.body["stream"] === true) {
      await this.#stream(run, passedEvents, (event) => event);
      return;
    }
    const document = await this.#collect({
      ...run,
      translator: new DocumentTranslator(this.#options.newId),
    });
    if (document !== undefined) {
      await sendDocument(answer.reply, document.join(""));
    }
  }

  async #stream<Out>(run: Run<Out>, format: StreamFormat, text: LineText<Out>): Promise<void> {
    const { reply } = run;
    const { timeouts, commit_after } = this.#options.config;
    let pipeline: Pipeline<Out> | undefined;
    const writer = new StreamWriter(reply.raw, {
      format,
      headers: reply.getHeaders() as Record<string, string>,
      writeStall: timeouts.write_stall,
      onDrain: () => pipeline?.resume(),
      onStall: () => {
        pipeline?.abandon();
        reply.raw.destroy();
      },
    });
    const started = this.#start(run, new TextSink(writer, text));
    pipeline = started;
    const early =
      commit_after === undefined ? undefined : setTimeout(() => writer.open(), commit_after);
    reply.raw.on("close", () => {
      clearTimeout(early);
    });
    try {
      const outcome = await this.#outcome(run, started);
      if (outcome !== "client_closed" || reply.raw.headersSent) reply.hijack();
    } finally {
      clearTimeout(early);
    }
  }

  /** What was collected, or undefined when the client has gone. */
  async #collect<Out>(run: Run<Out>): Promise<readonly Out[] | undefined> {
    const sink = new Collector<Out>();
    const outcome = await this.#outcome(run, this.#start(run, sink));
    return outcome === "ok" ? sink.values : undefined;
  }

  #start<Out>(run: Run<Out>, sink: Sink<Out>): Pipeline<Out> {
    const { upstream } = run.target.model;
    const pipeline = new Pipeline<Out>({
      translator: run.translator,
      sink,
      stopwatch: run.stopwatch,
      failures: upstream.failures,
      timeouts: this.#options.config.timeouts,
      open: (listener) =>
        upstream.post(run.path, run.body, "text/event-stream, application/json", listener),
    });
    this.#options.running.add(pipeline);
    const { raw } = run.reply;
    raw.on("close", () => {
      if (!raw.writableFinished) pipeline.abandon();
    });
    if (raw.destroyed) pipeline.abandon();
    return pipeline;
  }

  async #outcome<Out>(run: Run<Out>, pipeline: Pipeline<Out>): Promise<Outcome> {
    try {
      const outcome = await pipeline.result;
      this.#logAnswer(run, outcome, pipeline.failure);
      return outcome;
    } catch (thrown) {
      const error = explained(toProxyError(thrown), run);
      this.#logAnswer(run, "refused", error);
      throw error;
    }
  }

  /** A backend's own words are not logged: some repeat the prompt. */
  #logAnswer<Out>(
    { request, target, stopwatch }: Run<Out>,
    outcome: Outcome | "refused",
    error: ProxyError | undefined,
  ): void {
    const { start, end, firstToken } = stopwatch.read();
    const fields = {
      route: request.routeOptions.url,
      model: target.model.name,
      upstream: target.model.upstream.id,
      outcome,
      ms: Math.round(end - start),
      ...(firstToken === undefined ? {} : { first_token_ms: Math.round(firstToken - start) }),
    };
    if (error === undefined) this.#options.log.info(fields, "answered");
    else this.#options.log.warn({ ...fields, ...describeFailure(error) }, "did not answer");
  }
}

function describeFailure(error: ProxyError): object {
  const { code, status } = error;
  const deepest = (error.cause as { cause?: unknown } | undefined)?.cause ?? error.cause;
  const { code: cause } = (deepest ?? {}) as { code?: string };
  return { error: code, status, ...(cause === undefined ? {} : { cause }) };
}

interface Run<Out> extends Exchange {
  readonly path: string;
  readonly body: string;
  readonly translator: Translator<Out>;
  readonly stopwatch: Stopwatch;
}

/** A backend's 404 means its model, a route it does not have, or our address of it. */
function explained<Out>(error: ProxyError, { target, model, request }: Run<Out>): ProxyError {
  if (error.code !== "upstream_rejected" || error.status !== 404) return error;
  if (/model|deployment|endpoint/i.test(error.message)) return modelNotFound(model);
  if (request.url.includes("/v1/")) return error;
  // On Ollama's routes a 404 would tell the client that there is no such model.
  const text = `upstream "${target.model.upstream.id}" has no such route; check its base_url`;
  return new ProxyError("upstream_failed", text, { cause: error });
}
