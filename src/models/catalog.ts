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

interface UpstreamList {
  readonly entries: readonly ModelEntry[];
  /** Why the last try failed, if it did; the entries before it are still good to show. */
  readonly problem: ProxyError | undefined;
}

/** Which backend serves which model, from the backends' own lists, kept for half a minute. */
export class Catalog {
  readonly #upstreams: readonly Upstream[];
  readonly #log: Logger;
  readonly #lists = new Map<Upstream, UpstreamList>();
  #index: Index = { models: [], byId: new Map(), byName: new Map(), byPath: new Map() };
  #refreshing: Promise<void> | undefined;
  #refreshedAt = Number.NEGATIVE_INFINITY;
  #lifetime = timeToLive;

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
      ...(this.#lists.get(upstream) ?? { entries: [], problem: undefined }),
    }));
  }

  /** Every model, in the order of the backends; of two with one name the first backend's counts. */
  async list(): Promise<readonly CatalogModel[]> {
    await this.#freshen();
    return this.#index.models;
  }

  /**
   * The model that a client's spelling means: with or without `:latest`, in any case. A backend that
   * could not tell its models is asked for whatever the client says.
   */
  async find(name: string): Promise<CatalogModel | undefined> {
    await this.#freshen();
    const found = this.#lookUp(name);
    if (found !== undefined) return found;
    if (performance.now() - this.#refreshedAt > missInterval) {
      await this.#refresh();
      return this.#lookUp(name);
    }
    return undefined;
  }

  #lookUp(name: string): CatalogModel | undefined {
    return (
      this.#index.byId.get(name) ??
      this.#index.byName.get(comparableName(name)) ??
      this.#index.byPath.get(comparableName(name)) ??
      this.#unlisted(name)
    );
  }

  #unlisted(name: string): CatalogModel | undefined {
    const upstream = this.#upstreams.find((candidate) => {
      const list = this.#lists.get(candidate);
      return list === undefined || (list.problem !== undefined && list.entries.length === 0);
    });
    if (upstream === undefined || name.trim() === "") return undefined;
    return { name: withTag(name), upstream, entry: { id: name.replace(/:latest$/, "") } };
  }

  /** Asks the backends anew: one of them has got or lost a model just now. */
  async refresh(): Promise<void> {
    await this.#refreshing;
    await this.#refresh();
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

  async #freshen(): Promise<void> {
    const lists = [...this.#lists.values()];
    const age = performance.now() - this.#refreshedAt;
    const limit = lists.some((list) => list.problem !== undefined) ? timeToRetry : this.#lifetime;
    if (age < limit) return;
    const refresh = this.#refresh();
    // Lists that are merely old are shown while new ones are fetched.
    if (lists.every((list) => list.entries.length === 0)) await refresh;
  }

  /** All backends at once; callers that come meanwhile share the one refresh. */
  #refresh(): Promise<void> {
    this.#refreshing ??= Promise.all(this.#upstreams.map((upstream) => this.#load(upstream)))
      .then(() => {
        this.#refreshedAt = performance.now();
        this.#lifetime = timeToLive * (0.8 + 0.4 * Math.random());
        this.#reindex();
      })
      .finally(() => {
        this.#refreshing = undefined;
      });
    return this.#refreshing;
  }

  async #load(upstream: Upstream): Promise<void> {
    if (upstream.configuredModels !== undefined) {
      await upstream.recognise(undefined);
      const entries = upstream.configuredModels.map((id) => ({ id }));
      this.#lists.set(upstream, { entries, problem: undefined });
      return;
    }
    try {
      const listed = await readEntries(upstream);
      const entries = keepDates(listed, this.#lists.get(upstream)?.entries ?? []);
      this.#lists.set(upstream, { entries, problem: undefined });
    } catch (error) {
      const before = this.#lists.get(upstream);
      const problem = toProxyError(error);
      this.#lists.set(upstream, { entries: before?.entries ?? [], problem });
      this.#log.warn({ upstream: upstream.id }, `no model list: ${problem.message}`);
    }
  }
}

/** What a backend tells of its models. @throws ProxyError where it does not */
async function readEntries(upstream: Upstream): Promise<readonly ModelEntry[]> {
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

/** Some backends date every model to the moment of asking; the first date seen is the one to show. */
function keepDates(
  listed: readonly ModelEntry[],
  before: readonly ModelEntry[],
): readonly ModelEntry[] {
  const dates = new Map(before.map(({ id, created }) => [id, created]));
  return listed.map((entry) => {
    const created = dates.get(entry.id);
    return created === undefined ? entry : { ...entry, created };
  });
}
