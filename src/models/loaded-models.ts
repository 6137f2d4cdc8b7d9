import type { KeepAlive } from "../ollama/duration.ts";
import type { ProcessModel } from "../ollama/responses.ts";
import type { LoadedState } from "../upstream/model-control.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { Cards } from "./cards.ts";
import type { Catalog } from "./catalog.ts";
import type { CatalogModel } from "./catalog-model.ts";
import type { Control } from "./control.ts";
import type { Library, LibraryModel } from "./library.ts";

/** What Ollama tells of a model that stays for ever: a date some centuries away. */
const forever = new Date("2319-01-01T00:00:00Z").getTime();

/** More than anybody has in memory; where backends tell no list, any name is taken for a model. */
const maxUsed = 1_000;

interface UsedModel {
  readonly model: LibraryModel;
  readonly keepAlive: KeepAlive;
  /** Milliseconds on the clock that no one sets. */
  readonly expiresAt: number;
  readonly contextLength: number;
}

export interface LoadedModelsOptions {
  readonly cards: Cards;
  readonly catalog: Catalog;
  readonly library: Library;
  readonly control: Control;
  readonly defaultKeepAlive: KeepAlive;
  /** Of those before it, whose place it takes. */
  readonly used?: UsedModels;
}

/** By name; the one used longest ago first. */
export type UsedModels = Map<string, UsedModel>;

/**
 * Which models are in memory, as `ollama ps` shows them: by the word of the backends that know it, else
 * those that clients have used of late, for as long as `keep_alive` says.
 */
export class LoadedModels {
  readonly #cards: Cards;
  readonly #catalog: Catalog;
  readonly #library: Library;
  readonly #control: Control;
  readonly #defaultKeepAlive: KeepAlive;
  readonly #used: UsedModels;

  constructor(options: LoadedModelsOptions) {
    this.#cards = options.cards;
    this.#catalog = options.catalog;
    this.#library = options.library;
    this.#control = options.control;
    this.#defaultKeepAlive = options.defaultKeepAlive;
    this.#used = options.used ?? new Map();
  }

  /**
   * @param keepAlive the request's; without one the last that was said of this model holds
   * @param contextLength the request's `num_ctx`, if it has one
   */
  use(model: LibraryModel, keepAlive: KeepAlive | undefined, contextLength?: number): void {
    this.#control.forget(model.upstream);
    this.#dropExpired();
    const earlier = this.#used.get(model.name);
    const lifetime = keepAlive ?? earlier?.keepAlive ?? this.#defaultKeepAlive;
    this.#used.delete(model.name);
    if (lifetime <= 0) return;
    this.#used.set(model.name, {
      model,
      keepAlive: lifetime,
      expiresAt: performance.now() + lifetime,
      contextLength: contextLength ?? this.#cards.facts(model).contextLength,
    });
    for (const name of this.#used.keys()) {
      if (this.#used.size <= maxUsed) break;
      this.#used.delete(name);
    }
  }

  /** The one that stays longest first. */
  async list(): Promise<ProcessModel[]> {
    this.#dropExpired();
    await this.#dropMissing();
    const told = await this.#control.loaded();
    const seen = new Set<LoadedState>();
    const used = [...this.#used.values()].flatMap((use) => {
      const states = told.get(use.model.upstream);
      if (states === undefined) return [this.#row(use)];
      const own = states.filter(({ ids }) => ids.includes(use.model.entry.id));
      for (const state of own) seen.add(state);
      return own.slice(0, 1).map((state) => this.#row(use, state));
    });
    const others = told.size === 0 ? [] : await this.#loadedByOthers(told, seen);
    return [...used, ...others].toSorted(
      (a, b) => Date.parse(b.expires_at) - Date.parse(a.expires_at),
    );
  }

  #dropExpired(): void {
    const now = performance.now();
    for (const [name, { expiresAt }] of this.#used) {
      if (expiresAt <= now) this.#used.delete(name);
    }
  }

  /**
   * A backend may have lost a model since, or another process a virtual one. One whose configuration
   * has changed is another object than it was.
   */
  async #dropMissing(): Promise<void> {
    const asked = [...this.#used.values()].map(async (use) => {
      const { name, upstream, virtual } = use.model;
      const path = virtual === undefined ? `${upstream.id}/${name}` : name;
      const found = await this.#library.find(path).catch(() => undefined);
      if (this.#used.get(name) !== use) return;
      if (found === undefined) this.#used.delete(name);
      else this.#used.set(name, { ...use, model: { ...found, name } });
    });
    await Promise.all(asked);
  }

  /** What backends have in memory though nobody has asked for it here. */
  async #loadedByOthers(
    told: ReadonlyMap<Upstream, readonly LoadedState[]>,
    seen: ReadonlySet<LoadedState>,
  ): Promise<ProcessModel[]> {
    const listed = await this.#catalog.list();
    const loaded = new Map<CatalogModel, LoadedState>();
    for (const [upstream, states] of told) {
      const models = listed.filter((model) => model.upstream === upstream);
      for (const state of states) {
        const [model] = state.ids.flatMap(
          (id) => models.find(({ entry }) => entry.id === id) ?? [],
        );
        if (model !== undefined && !seen.has(state)) loaded.set(model, state);
      }
    }
    return [...loaded].map(([model, state]) => {
      const { contextLength } = this.#cards.facts(model);
      return this.#row({ model, contextLength, expiresAt: Infinity }, state);
    });
  }

  #row(
    { model, expiresAt, contextLength }: Omit<UsedModel, "keepAlive">,
    state?: LoadedState,
  ): ProcessModel {
    const { details, digest, ...told } = state?.told ?? {};
    const isBackends = model.virtual === undefined;
    const expiry = Math.min(forever, Date.now() + expiresAt - performance.now());
    return {
      name: model.name,
      model: model.name,
      size: this.#cards.size(model),
      digest: (isBackends ? digest : undefined) ?? this.#cards.digest(model),
      details: (isBackends ? details : undefined) ?? this.#cards.details(model),
      expires_at: new Date(expiry).toISOString(),
      size_vram: this.#cards.size(model),
      context_length: contextLength,
      ...told,
    };
  }
}
