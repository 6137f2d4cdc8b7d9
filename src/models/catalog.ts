import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { toProxyError, type ProxyError } from "../errors.ts";
import type { Logger } from "../observe/logger.ts";
import type { Config } from "../config/schema.ts";
import { withTag } from "../ollama/model-name.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { enrich } from "./backend-facts.ts";
import { NamedModels } from "./named-models.ts";
import type { CatalogModel } from "./catalog-model.ts";
import { readModelList, type ModelEntry } from "./model-entry.ts";
import { readOllamaList } from "./ollama-list.ts";
import { RouteTable } from "./route-table.ts";

/** Milliseconds; a fifth more or less, so that many proxies do not all ask at once. */
const timeToLive = 30_000;
/** A backend that could not tell its models is asked again soon: it may just be starting. */
const timeToRetry = 2_000;
const listTimeout = 5_000;
/** For what a list does not tell; a backend without such routes must not hold the list up. */
const factTimeout = 1_500;
/** A name nobody knows asks the backends again, but not more often than this. */
const missInterval = 1_000;
/** How long what the quickest backend told waits for the others. */
const patience = 1_000;

/** What one backend told. */
interface UpstreamList {
  readonly entries: readonly ModelEntry[];
  /** What the configuration named then in place of a list. */
  readonly configured?: readonly string[] | undefined;
  /** Why the last try failed, if it did; the entries before it are still good to show. */
  readonly problem: ProxyError | undefined;
  /** When it was asked last, and until when that holds. */
  readonly askedAt: number;
  /** When it told them last. */
  readonly toldAt?: number | undefined;
  readonly lifetime: number;
}

/** Which backend serves which model, from the backends' own lists, kept for half a minute. */
export class Catalog {
  readonly #upstreams: readonly Upstream[];
  readonly #log: Logger;
  readonly #lists = new Map<Upstream, UpstreamList>();
  /** Callers that come meanwhile share the one question. */
  readonly #asking = new Map<Upstream, Promise<void>>();
  readonly #routes: RouteTable;
  #index: NamedModels;

  constructor(upstreams: readonly Upstream[], routes: Config["routes"], log: Logger) {
    this.#upstreams = upstreams;
    this.#routes = new RouteTable(routes);
    this.#log = log;
    this.#index = new NamedModels([], this.#routes, upstreams);
  }

  /** Whether at least one backend has told its models. */
  get ready(): boolean {
    return (
      this.#upstreams.length === 0 ||
      [...this.#lists.values()].some((list) => list.problem === undefined)
    );
  }

  /** Why backends could not tell their models, as of the last try. */
  get problems(): readonly string[] {
    return [...this.#lists.values()].flatMap(({ problem }) => problem?.message ?? []);
  }

  /** What each backend told of its models, as of the last try. */
  get lists(): readonly ({ readonly upstream: Upstream } & UpstreamList)[] {
    return this.#upstreams.map((upstream) => ({
      upstream,
      ...(this.#lists.get(upstream) ?? unasked),
    }));
  }

  /** Every model, in the order of the backends. */
  async list(): Promise<readonly CatalogModel[]> {
    await this.#freshen();
    return this.#index.models;
  }

  /**
   * The model that a client's spelling means: with or without `:latest`, in any case, or as
   * `upstream/model`. A backend that could not tell its models is asked for whatever the client says.
   */
  async find(name: string): Promise<CatalogModel | undefined> {
    return (await this.findListed(name)) ?? this.findKnown(name);
  }

  /** The same from what is known right now; asks nobody. */
  findKnown(name: string): CatalogModel | undefined {
    return this.lookUp(name) ?? this.#index.guess(name, (upstream) => this.#isSilent(upstream));
  }

  /** The same among the models that backends have told of. */
  async findListed(name: string): Promise<CatalogModel | undefined> {
    await this.#freshen();
    const found = this.lookUp(name);
    if (found !== undefined) return found;
    await this.#enough(this.#olderThan(() => missInterval));
    return this.lookUp(name);
  }

  /** What is known of a name right now; asks nobody. */
  lookUp(name: string): CatalogModel | undefined {
    return this.#index.lookUp(name);
  }

  /** A backend does not have what it listed: it is asked again soon. */
  doubt(upstream: Upstream): void {
    const list = this.#lists.get(upstream);
    if (list === undefined) return;
    this.#lists.set(upstream, { ...list, lifetime: Math.min(list.lifetime, missInterval) });
  }

  /** It has told nothing, so it may have anything. */
  #isSilent(upstream: Upstream): boolean {
    const { problem, entries, askedAt } = this.#lists.get(upstream) ?? unasked;
    return entries.length === 0 && (problem !== undefined || askedAt < 0);
  }

  /**
   * Begins with what an earlier catalog knows of the backends that are still the same, and asks the
   * others.
   */
  async takeOver(earlier: Catalog): Promise<void> {
    for (const upstream of this.#upstreams) {
      const list = earlier.#lists.get(upstream);
      const isSame = isDeepStrictEqual(list?.configured, upstream.config.models);
      if (list !== undefined && isSame) this.#lists.set(upstream, list);
    }
    this.#reindex();
    const others = this.#upstreams.filter((upstream) => !this.#lists.has(upstream));
    await Promise.all(others.map((upstream) => this.#ask(upstream)));
  }

  /** Asks the backends anew: one of them has got or lost a model just now. */
  async refresh(): Promise<void> {
    await Promise.all(this.#asking.values());
    await Promise.all(this.#upstreams.map((upstream) => this.#ask(upstream)));
  }

  #reindex(): void {
    const listed = this.#upstreams.flatMap((upstream) => {
      const { entries = [], problem } = this.#lists.get(upstream) ?? {};
      const stale = problem === undefined ? {} : { stale: true as const };
      const served = entries.filter(({ id }) => upstream.selection.serves(id));
      return served.map((entry) => ({
        name: withTag(upstream.selection.nameOf(entry)),
        upstream,
        entry,
        ...stale,
      }));
    });
    this.#index = new NamedModels(listed, this.#routes, this.#upstreams);
  }

  /** Lists that are merely old are shown while new ones are fetched. */
  async #freshen(): Promise<void> {
    const old = this.#olderThan(({ lifetime }) => lifetime);
    if (old.length === 0) return;
    const asked = this.#enough(old);
    if (this.#upstreams.every((upstream) => this.#isSilent(upstream))) await asked;
  }

  #olderThan(limitOf: (list: UpstreamList) => number): Upstream[] {
    const now = performance.now();
    return this.#upstreams.filter((upstream) => {
      const list = this.#lists.get(upstream) ?? unasked;
      return now - list.askedAt > limitOf(list);
    });
  }

  /** Until all have answered; but a slow one holds the others' models up for a moment only. */
  async #enough(upstreams: readonly Upstream[]): Promise<void> {
    const answers = upstreams.map((upstream) => this.#ask(upstream));
    if (answers.length < 2) await answers[0];
    else {
      const first = Promise.race(answers);
      await Promise.race([Promise.all(answers), first.then(() => sleep(patience))]);
    }
  }

  #ask(upstream: Upstream): Promise<void> {
    const asking =
      this.#asking.get(upstream) ??
      this.#load(upstream).finally(() => {
        this.#asking.delete(upstream);
        this.#reindex();
      });
    this.#asking.set(upstream, asking);
    return asking;
  }

  async #load(upstream: Upstream): Promise<void> {
    const before = this.#lists.get(upstream)?.entries ?? [];
    const configured = upstream.config.models;
    const keep = (entries: readonly ModelEntry[], problem?: ProxyError) => {
      const spread = timeToLive * (0.8 + 0.4 * Math.random());
      const lifetime = problem === undefined ? spread : timeToRetry;
      const askedAt = performance.now();
      const toldAt = problem === undefined ? askedAt : this.#lists.get(upstream)?.toldAt;
      this.#lists.set(upstream, { entries, configured, problem, lifetime, askedAt, toldAt });
    };
    try {
      const earlier = new Map(before.map((entry) => [entry.id, entry]));
      keep(
        (await readEntries(upstream, configured)).map((entry) =>
          merged(entry, earlier.get(entry.id)),
        ),
      );
    } catch (error) {
      const problem = toProxyError(error);
      keep(before, problem);
      this.#log.warn({ upstream: upstream.id }, `no model list: ${problem.message}`);
    }
  }
}

/** Of a backend that was never asked. */
const unasked: UpstreamList = {
  entries: [],
  problem: undefined,
  askedAt: Number.NEGATIVE_INFINITY,
  lifetime: 0,
};

/** What a backend tells of its models. @throws ProxyError where it does not */
async function readEntries(
  upstream: Upstream,
  configured: readonly string[] | undefined,
): Promise<readonly ModelEntry[]> {
  if (configured !== undefined) {
    await upstream.recognise(undefined);
    return configured.map((id) => ({ id }));
  }
  const ask = (path: string, body?: unknown) =>
    body === undefined
      ? upstream.getJson(path, factTimeout)
      : upstream.postJson(path, body, { timeout: factTimeout });
  if (upstream.kind === "ollama") {
    const list = await upstream.getJson("/api/tags", listTimeout);
    return enrich(readOllamaList(list), "ollama", async (path, body) =>
      path.endsWith("/api/tags") ? list : ask(path.replace("origin:", ""), body),
    );
  }
  const list = await upstream.getJson("/models", listTimeout);
  await upstream.recognise(list);
  return enrich(readModelList(list), upstream.dialect.id, ask);
}

/**
 * What was told of a model earlier stays where the backend does not tell it this time: a route may
 * fail once, and a card must not change for that. Some backends date every model to the moment of
 * asking, so of the dates the first is kept.
 */
function merged(entry: ModelEntry, earlier: ModelEntry | undefined): ModelEntry {
  if (earlier === undefined) return entry;
  const { created } = earlier;
  return {
    ...earlier,
    ...entry,
    ...(created === undefined ? {} : { created }),
    ...(earlier.abilities === undefined
      ? {}
      : { abilities: { ...earlier.abilities, ...entry.abilities } }),
  };
}
