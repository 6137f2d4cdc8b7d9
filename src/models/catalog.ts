import { setTimeout as sleep } from "node:timers/promises";
import { toProxyError, type ProxyError } from "../errors.ts";
import type { Logger } from "../observe/logger.ts";
import { comparableName, withTag } from "../ollama/model-name.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { enrich } from "./backend-facts.ts";
import { readModelList, type ModelEntry } from "./model-entry.ts";
import { readOllamaList } from "./ollama-list.ts";

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

/** A model that a backend serves. */
export interface CatalogModel {
  /** The name that Ollama clients see, with its tag. */
  readonly name: string;
  readonly upstream: Upstream;
  readonly entry: ModelEntry;
  /** The backend could not tell its models when last asked; this is what it told before. */
  readonly stale?: true;
}

/** Of two models with one name, the first backend's. */
interface Index {
  readonly models: readonly CatalogModel[];
  readonly byId: ReadonlyMap<string, CatalogModel>;
  readonly byName: ReadonlyMap<string, CatalogModel>;
  /** `upstream/model`, which also reaches what an earlier backend hides. */
  readonly byPath: ReadonlyMap<string, CatalogModel>;
}

/** What one backend told. */
interface UpstreamList {
  readonly entries: readonly ModelEntry[];
  /** Why the last try failed, if it did; the entries before it are still good to show. */
  readonly problem: ProxyError | undefined;
  /** When it was asked last, and until when that holds. */
  readonly askedAt: number;
  readonly lifetime: number;
}

/** Which backend serves which model, from the backends' own lists, kept for half a minute. */
export class Catalog {
  readonly #upstreams: readonly Upstream[];
  readonly #log: Logger;
  readonly #lists = new Map<Upstream, UpstreamList>();
  /** Callers that come meanwhile share the one question. */
  readonly #asking = new Map<Upstream, Promise<void>>();
  #index: Index = { models: [], byId: new Map(), byName: new Map(), byPath: new Map() };

  constructor(upstreams: readonly Upstream[], log: Logger) {
    this.#upstreams = upstreams;
    this.#log = log;
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

  /** Every model, in the order of the backends; of two with one name the first backend's counts. */
  async list(): Promise<readonly CatalogModel[]> {
    await this.#freshen();
    return this.#index.models;
  }

  /**
   * The model that a client's spelling means: with or without `:latest`, in any case, or as
   * `upstream/model`. A backend that could not tell its models is asked for whatever the client says.
   */
  async find(name: string): Promise<CatalogModel | undefined> {
    return (await this.findListed(name)) ?? this.#unlisted(name);
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
    const wanted = comparableName(name);
    const { byName, byId, byPath } = this.#index;
    return byName.get(wanted) ?? byId.get(name) ?? byPath.get(wanted);
  }

  #unlisted(name: string): CatalogModel | undefined {
    if (name.trim() === "") return undefined;
    for (const upstream of this.#upstreams) {
      const { problem, entries, askedAt } = this.#lists.get(upstream) ?? unasked;
      const knowsNothing = entries.length === 0 && (problem !== undefined || askedAt < 0);
      const prefix = `${upstream.id}/`;
      const own = name.startsWith(prefix) ? name.slice(prefix.length) : name;
      const id = upstream.selection.idOf(own.replace(/:latest$/, ""));
      if (knowsNothing && upstream.selection.serves(id)) {
        return { name: withTag(own), upstream, entry: { id } };
      }
    }
    return undefined;
  }

  /** Asks the backends anew: one of them has got or lost a model just now. */
  async refresh(): Promise<void> {
    await Promise.all(this.#asking.values());
    await Promise.all(this.#upstreams.map((upstream) => this.#ask(upstream)));
  }

  /** Lists may hold hundreds of models, so they are put in order once, not per request. */
  #reindex(): void {
    const all = this.#upstreams.flatMap((upstream) => {
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
    const backwards = all.toReversed();
    const byName = new Map(backwards.map((model) => [comparableName(model.name), model]));
    const models = all.filter((model) => byName.get(comparableName(model.name)) === model);
    this.#index = {
      models,
      byId: new Map(models.toReversed().map((model) => [model.entry.id, model])),
      byName,
      byPath: new Map(
        backwards.map((model) => [comparableName(`${model.upstream.id}/${model.name}`), model]),
      ),
    };
  }

  /** Lists that are merely old are shown while new ones are fetched. */
  async #freshen(): Promise<void> {
    const old = this.#olderThan(({ lifetime }) => lifetime);
    if (old.length === 0) return;
    const asked = this.#enough(old);
    if (this.#index.models.length === 0) await asked;
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
    const keep = (entries: readonly ModelEntry[], problem?: ProxyError) => {
      const spread = timeToLive * (0.8 + 0.4 * Math.random());
      const lifetime = problem === undefined ? spread : timeToRetry;
      this.#lists.set(upstream, { entries, problem, lifetime, askedAt: performance.now() });
    };
    try {
      const earlier = new Map(before.map((entry) => [entry.id, entry]));
      keep((await readEntries(upstream)).map((entry) => merged(entry, earlier.get(entry.id))));
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
async function readEntries(upstream: Upstream): Promise<readonly ModelEntry[]> {
  if (upstream.configuredModels !== undefined) {
    await upstream.recognise(undefined);
    return upstream.configuredModels.map((id) => ({ id }));
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
