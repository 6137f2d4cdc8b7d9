import type { ProxyError, Refusal } from "../errors.ts";
import type { Dialect, ThinkValue } from "../dialects/dialect.ts";
import type { ChatRequest, GenerateRequest, Message } from "../ollama/requests.ts";
import { fittingLimit, kindOfRefusal, overflowShare } from "../openai/refusals.ts";
import { dialectOf, type Target } from "../routing/resolve.ts";
import type { Backend, LoweredRequest } from "../translate/backend.ts";
import { withoutOldestTurns } from "../translate/truncation.ts";
import { learnFrom } from "../upstream/learn.ts";
import type { LearnedNotes } from "./learned-notes.ts";

const maxLessons = 4;
const maxCuts = 3;

/** What is asked, and how it is put into a backend's words. */
export interface Question {
  readonly request: ChatRequest | GenerateRequest;
  /** The conversation; its oldest turns may go when the context is full. */
  readonly messages: readonly Message[];
  readonly lower: (messages: readonly Message[], backend: Backend) => LoweredRequest;
}

/**
 * One request on its way into a backend's words, in as many tries as it takes: a refusal that names
 * a field teaches the dialect, a full context costs the oldest turns. All before the first byte.
 */
export class Adaptation {
  readonly #question: Question;
  readonly #target: Target;
  readonly #imageUrls: boolean;
  readonly #learned: LearnedNotes;
  #lowered: LoweredRequest;
  #messages: readonly Message[];
  /** Of the output, where prompt and output together were too much; for this request only. */
  #limit: number | undefined;
  #lessons = 0;
  #cuts = 0;

  /** @throws ProxyError 400 for what the backend can't be told and must not be left out */
  constructor(question: Question, target: Target, imageUrls: boolean, learned: LearnedNotes) {
    this.#question = question;
    this.#target = target;
    this.#imageUrls = imageUrls;
    this.#learned = learned;
    this.#messages = question.messages;
    this.#lowered = this.#lower();
  }

  get lowered(): LoweredRequest {
    return this.#lowered;
  }

  /** Whether turns of the conversation had to go. */
  get cut(): boolean {
    return this.#messages !== this.#question.messages;
  }

  /** Whether there is another way to ask; `lowered` is it then. */
  adaptTo({ refusal }: ProxyError): boolean {
    if (refusal === undefined || !(this.#learn(refusal) || this.#makeRoom(refusal))) return false;
    this.#lowered = this.#lower();
    return true;
  }

  #learn(refusal: Refusal): boolean {
    if (this.#lessons >= maxLessons) return false;
    const { think, format } = this.#question.request;
    const lesson = learnFrom(refusal, {
      path: this.#lowered.path,
      body: this.#lowered.body,
      dialect: this.#dialect(),
      think: think === undefined ? undefined : (String(think) as ThinkValue),
      format: format === undefined ? undefined : format === "json" ? "json" : "schema",
    });
    if (lesson === undefined) return false;
    this.#lessons += 1;
    this.#learned.note(this.#target.model, lesson);
    return true;
  }

  /** As Ollama does with a conversation that has outgrown the context. */
  #makeRoom(refusal: Refusal): boolean {
    const full = kindOfRefusal(refusal) === "overflow" && refusal.status !== 429;
    if (!full || this.#cuts >= maxCuts) return false;
    this.#cuts += 1;
    const limit = fittingLimit(refusal);
    if (limit !== undefined && limit !== this.#limit) {
      this.#limit = limit;
      return true;
    }
    if (!this.#question.request.truncate) return false;
    const share = this.#cuts === maxCuts ? 1 : overflowShare(refusal);
    const left = withoutOldestTurns(this.#messages, share);
    if (left === undefined) return false;
    this.#messages = left;
    return true;
  }

  #lower(): LoweredRequest {
    const { model, facts } = this.#target;
    return this.#question.lower(this.#messages, {
      model: model.entry.id,
      dialect: this.#dialect(),
      contextLength: facts.contextLengthKnown ? facts.contextLength : undefined,
      imageUrls: this.#imageUrls,
    });
  }

  #dialect(): Dialect {
    const dialect = dialectOf(this.#target);
    const limit = this.#limit;
    if (limit === undefined) return dialect;
    const names = dialect.options.num_predict ?? [];
    const ranges = Object.fromEntries(names.map((name) => [name, [1, limit] as const]));
    return { ...dialect, ranges: { ...dialect.ranges, ...ranges } };
  }
}
