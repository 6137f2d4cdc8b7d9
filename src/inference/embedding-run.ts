import type { Dialect } from "../dialects/dialect.ts";
import { ProxyError, toProxyError, type Refusal } from "../errors.ts";
import { estimateTokens } from "../translate/backend.ts";
import {
  inBatches,
  readEmbeddings,
  toEmbeddingsBody,
  type Vector,
} from "../translate/embeddings.ts";
import { isTooLong, isTooMany, shorten } from "../translate/shorten.ts";

/** Batches that a backend works on at the same time. */
const batchesAtOnce = 4;
/** Times a text that is too long is cut. */
const maxCuts = 4;

type EmbeddingsDialect = NonNullable<Dialect["embeddings"]>;

/** Vectors in the order of the texts. */
export interface Embedded {
  readonly vectors: readonly Vector[];
  readonly tokens: number;
}

export interface EmbeddingRunOptions {
  /** The backend's id of the model. */
  readonly model: string;
  readonly dialect: EmbeddingsDialect;
  /** 0: as many as the model has. */
  readonly dimensions: number;
  /** Whether a text that is too long may be cut. */
  readonly truncate: boolean;
  /** Puts a body to the backend; the signal aborts once another request has failed. @throws ProxyError */
  readonly ask: (body: object, signal: AbortSignal) => Promise<unknown>;
  /** An answer that does not have what was asked for. */
  readonly malformed: () => ProxyError;
  /** The backend refused `dimensions`: from now on this is how it is asked. */
  readonly learned: (dialect: EmbeddingsDialect) => void;
}

/**
 * Texts to vectors, in requests that the backend takes: what it finds too much is asked for in
 * halves, so that the one text that is too long is found and cut, and the others stay whole.
 */
export class EmbeddingRun {
  readonly #options: EmbeddingRunOptions;
  readonly #failed = new AbortController();
  #dialect: EmbeddingsDialect;

  constructor(options: EmbeddingRunOptions) {
    this.#options = options;
    this.#dialect = options.dialect;
  }

  /** Nothing of it goes on once this has settled. @throws ProxyError, the first there was */
  async embed(texts: readonly string[]): Promise<Embedded> {
    const batches = inBatches(texts, this.#dialect.batch);
    const work = (batch: readonly string[]) => this.#embedBatch(batch);
    return joined(await mapSome(batches, batchesAtOnce, work, this.#failed));
  }

  async #embedBatch(texts: readonly string[], cutsLeft = maxCuts): Promise<Embedded> {
    const dialect = this.#dialect;
    try {
      return await this.#ask(texts, dialect);
    } catch (thrown) {
      const error = toProxyError(thrown);
      const { refusal } = error;
      // A limit of the rate is not for us to get around.
      if (refusal === undefined || error.code === "upstream_overloaded") throw error;
      if (this.#options.dimensions > 0 && refusesField(refusal, dialect.dimensions)) {
        this.#cutDimensionsHere();
        return this.#embedBatch(texts, cutsLeft);
      }
      if (texts.length > 1 && (isTooLong(refusal) || isTooMany(refusal))) {
        return this.#embedHalves(texts);
      }
      if (!isTooLong(refusal)) throw error;
      const shorter = shorten(texts.join(""), refusal);
      if (!this.#options.truncate || cutsLeft === 0 || shorter === "") throw inputTooLong(error);
      return this.#embedBatch([shorter], cutsLeft - 1);
    }
  }

  async #embedHalves(texts: readonly string[]): Promise<Embedded> {
    const parts: Embedded[] = [];
    for (const half of inBatches(texts, Math.ceil(texts.length / 2))) {
      parts.push(await this.#embedBatch(half));
    }
    return joined(parts);
  }

  #cutDimensionsHere(): void {
    if (this.#dialect.dimensions === null) return;
    this.#dialect = { ...this.#dialect, dimensions: null };
    this.#options.learned(this.#dialect);
  }

  async #ask(texts: readonly string[], dialect: EmbeddingsDialect): Promise<Embedded> {
    const { model, dimensions, ask, malformed } = this.#options;
    const body = toEmbeddingsBody(model, texts, dimensions, dialect);
    const answer = readEmbeddings(await ask(body, this.#failed.signal));
    const vectors = answer.vectors.filter((vector) => vector !== undefined);
    if (vectors.length !== texts.length || answer.vectors.length !== texts.length) {
      throw malformed();
    }
    return { vectors, tokens: answer.tokens ?? estimateTokens(texts.join("").length) };
  }
}

/** "… does not support matryoshka representation, changing output dimensions …" */
function refusesField({ param, locations, message }: Refusal, field: string | null): boolean {
  if (field === null) return false;
  return [param, ...locations].includes(field) || /dimension/i.test(message);
}

/** Ollama's text. */
function inputTooLong(cause: ProxyError): ProxyError {
  return new ProxyError("context_overflow", "the input length exceeds the context length", {
    cause,
  });
}

function joined(parts: readonly Embedded[]): Embedded {
  return {
    vectors: parts.flatMap(({ vectors }) => vectors),
    tokens: parts.reduce((sum, { tokens }) => sum + tokens, 0),
  };
}

/**
 * Results in the order of the items, at most `limit` of which are worked on at a time.
 * @param failed aborted with the first failure, after which no item is taken
 * @throws that failure, when all that ran has ended
 */
async function mapSome<Item, Result>(
  items: readonly Item[],
  limit: number,
  work: (item: Item) => Promise<Result>,
  failed: AbortController,
): Promise<Result[]> {
  const results: Result[] = [];
  // One iterator for all: each takes the next item that none has taken.
  const entries = items.entries();
  const takeAll = async () => {
    for (const [place, item] of entries) {
      if (failed.signal.aborted) return;
      try {
        results[place] = await work(item);
      } catch (error) {
        failed.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, takeAll));
  failed.signal.throwIfAborted();
  return results;
}
