import type { Dialect, DialectOverrides, ThinkValue } from "../dialects/dialect.ts";
import type { ProxyError, Refusal } from "../errors.ts";
import type { ChatRequest, GenerateRequest, Message } from "../ollama/requests.ts";
import { fittingLimit, kindOfRefusal, overflowShare } from "../openai/refusals.ts";
import { dialectOf, type Target } from "../routing/resolve.ts";
import type { Backend, LoweredRequest } from "../translate/backend.ts";
import { withoutOldestTurns } from "../translate/truncation.ts";
import { learnFrom } from "../upstream/learn.ts";
import type { Lesson } from "../upstream/lesson.ts";
import type { Use } from "../upstream/lessons.ts";
import type { LearnedNotes } from "./learned-notes.ts";

const maxLessons = 4;
const maxCuts = 3;

/** What is asked, and how it is put into a backend's words. */
export interface Question {
  readonly request: ChatRequest | GenerateRequest;
  readonly use: Use;
  /** The conversation; its oldest turns may go when the context is full. */
  readonly messages: readonly Message[];
  readonly lower: (messages: readonly Message[], backend: Backend) => LoweredRequest;
}

/**
 * One request on its way into a backend's words, in as many tries as it takes: a refusal that names
 * a field teaches the dialect, a full context costs the oldest turns. All before the first byte. A
 * lesson is kept for other requests only once it has helped.
 */
export class Adaptation {
  readonly #question: Question;
  readonly #target: Target;
  readonly #imageUrls: boolean;
  readonly #learned: LearnedNotes;
  #dialect: Dialect;
  #lowered: LoweredRequest;
  #messages: readonly Message[];
  /** What this request has learned; beyond `#kept` not yet known to help. */
  readonly #lessons: Lesson[] = [];
  #kept = 0;
  /** Of the output, where prompt and output together were too much. */
  #limit: number | undefined;
  #cuts = 0;
  #refusal = "";

  /** @throws ProxyError 400 for what the backend can't be told and must not be left out */
  constructor(question: Question, target: Target, imageUrls: boolean, learned: LearnedNotes) {
    this.#question = question;
    this.#target = target;
    this.#imageUrls = imageUrls;
    this.#learned = learned;
    this.#messages = question.messages;
    this.#dialect = this.#currentDialect();
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
    if (refusal === undefined || this.#repeats(refusal)) return false;
    this.#keepLessons();
    const refused = JSON.stringify(this.#lowered.body);
    // Another request may have learned the same meanwhile.
    if (this.#sayDifferently(refused)) return true;
    return (this.#learn(refusal) || this.#makeRoom(refusal)) && this.#sayDifferently(refused);
  }

  /** It was answered, so what was learned was right. */
  succeed(): void {
    this.#keepLessons();
  }

  /** The same words again: what was learned from them did not help. */
  #repeats({ message }: Refusal): boolean {
    const isSame = this.#kept < this.#lessons.length && message === this.#refusal;
    this.#refusal = message;
    return isSame;
  }

  #keepLessons(): void {
    for (const lesson of this.#lessons.slice(this.#kept)) {
      if (lesson.once === undefined) {
        this.#learned.note(this.#target.model, this.#question.use, lesson);
      }
    }
    this.#kept = this.#lessons.length;
  }

  #learn(refusal: Refusal): boolean {
    if (this.#lessons.length >= maxLessons) return false;
    const { think, format } = this.#question.request;
    const lesson = learnFrom(refusal, {
      path: this.#lowered.path,
      body: this.#lowered.body,
      dialect: this.#dialect,
      think: think === undefined ? undefined : (String(think) as ThinkValue),
      format: format === undefined ? undefined : format === "json" ? "json" : "schema",
    });
    if (lesson === undefined) return false;
    this.#lessons.push(lesson);
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

  /** Lowers again. @returns false where that says the same */
  #sayDifferently(refused: string): boolean {
    this.#dialect = this.#currentDialect();
    this.#lowered = this.#lower();
    return JSON.stringify(this.#lowered.body) !== refused;
  }

  #lower(): LoweredRequest {
    const { model, facts } = this.#target;
    return this.#question.lower(this.#messages, {
      model: model.entry.id,
      dialect: this.#dialect,
      contextLength: facts.contextLengthKnown ? facts.contextLength : undefined,
      imageUrls: this.#imageUrls,
    });
  }

  /** With what other requests have learned, and then this one. */
  #currentDialect(): Dialect {
    const dialect: Dialect = {
      ...dialectOf(this.#target, this.#question.use),
      ...this.#lessons.reduce<DialectOverrides>(
        (all, { overrides }) => ({ ...all, ...overrides }),
        {},
      ),
    };
    const limit = this.#limit;
    if (limit === undefined) return dialect;
    const ranges = Object.fromEntries(
      ["max_tokens", "max_completion_tokens"].map((name) => [name, [1, limit] as const]),
    );
    return { ...dialect, ranges: { ...dialect.ranges, ...ranges } };
  }
}
