import { setTimeout as sleep } from "node:timers/promises";
import { toProxyError } from "../errors.ts";
import type { Logger } from "../observe/logger.ts";
import { controlOf } from "../upstream/controls.ts";
import type {
  LoadedState,
  LoadWishes,
  ModelControl,
  PullStatus,
} from "../upstream/model-control.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { Catalog } from "./catalog.ts";
import type { CatalogModel } from "./catalog-model.ts";

/** Milliseconds that what a backend says of its memory holds. */
const stateLifetime = 2_000;
/** Milliseconds that a client waits for a model to be loaded or unloaded; it goes on without it. */
const patience = 1_000;

/** The first and the last word of every pull, which are not the backend's to say. */
const framing = new Set(["pulling manifest", "success"]);

interface Kept {
  readonly states: Promise<readonly LoadedState[] | undefined>;
  readonly until: number;
}

/** What backends do with their models beyond answering: each as far as it can. */
export class Control {
  readonly #catalog: Catalog;
  readonly #log: Logger;
  readonly #kept = new Map<Upstream, Kept>();

  constructor(catalog: Catalog, log: Logger) {
    this.#catalog = catalog;
    this.#log = log;
  }

  /** What is in memory at each backend that knows it and says so in time. */
  async loaded(): Promise<ReadonlyMap<Upstream, readonly LoadedState[]>> {
    const asked = this.#catalog.lists.map(async ({ upstream, entries }) => {
      const control = controlOf(upstream, entries[0]?.ownedBy);
      const states = control && (await this.#ask(upstream, control));
      return states === undefined ? [] : [[upstream, states] as const];
    });
    return new Map((await Promise.all(asked)).flat());
  }

  /** What a backend said of its memory no longer holds. */
  forget(upstream: Upstream): void {
    this.#kept.delete(upstream);
  }

  /** What a request that says nothing else is for. */
  settle(model: CatalogModel, wishes: LoadWishes): Promise<void> {
    return wishes.keepAlive === 0 ? this.unload(model) : this.load(model, wishes);
  }

  /** Where a backend can load, that begins, and may go on after this. */
  load(model: CatalogModel, wishes: LoadWishes): Promise<void> {
    return this.#begin("load", model, (control, { upstream, entry }) =>
      control.load?.(upstream, entry.id, wishes),
    );
  }

  /** The same the other way. */
  unload(model: CatalogModel): Promise<void> {
    return this.#begin("unload", model, (control, { upstream, entry }) =>
      control.unload?.(upstream, entry.id),
    );
  }

  /**
   * Has the first backend that can do so fetch a model, or the one that is named before it.
   * @returns how far it is; undefined when no backend can. It ends when clients can use the model,
   *   and throws a ProxyError when it can't be had.
   */
  pull(name: string, signal: AbortSignal): AsyncIterable<PullStatus> | undefined {
    const able = this.#catalog.lists.flatMap(({ upstream, entries }) => {
      const pull = controlOf(upstream, entries[0]?.ownedBy)?.pull;
      return pull === undefined ? [] : [{ upstream, pull, path: `${upstream.id}/` }];
    });
    const named = able.find(({ path }) => name.startsWith(path));
    const { upstream, pull } = named ?? able[0] ?? {};
    if (upstream === undefined || pull === undefined) return undefined;
    return this.#pulled(pull(upstream, name.slice(named?.path.length ?? 0), signal));
  }

  /** @returns false where the backend can't delete models. @throws ProxyError when it does not. */
  delete(model: CatalogModel): Promise<boolean> {
    return this.#change(model, (control, { upstream, entry }) =>
      control.delete?.(upstream, entry.id),
    );
  }

  /** @returns false where the backend can't copy models. @throws ProxyError when it does not. */
  copy(model: CatalogModel, destination: string): Promise<boolean> {
    return this.#change(model, (control, { upstream, entry }) =>
      control.copy?.(upstream, entry.id, destination),
    );
  }

  #ask(upstream: Upstream, control: ModelControl): Kept["states"] {
    const kept = this.#kept.get(upstream);
    if (kept !== undefined && kept.until > performance.now()) return kept.states;
    const states = control.loaded(upstream).catch(() => undefined);
    this.#kept.set(upstream, { states, until: performance.now() + stateLifetime });
    return states;
  }

  async #begin(what: string, model: CatalogModel, act: Act): Promise<void> {
    const { upstream, entry } = model;
    const control = controlOf(upstream, entry.ownedBy);
    const done = control && act(control, model);
    if (done === undefined) return;
    const waited = new AbortController();
    const settled = done
      .catch((error: unknown) => {
        const { message } = toProxyError(error);
        this.#log.warn({ upstream: upstream.id, model: model.name }, `can't ${what}: ${message}`);
      })
      .finally(() => {
        this.forget(upstream);
        waited.abort();
      });
    const { signal } = waited;
    await Promise.race([
      settled,
      sleep(patience, undefined, { signal, ref: false }).catch(() => {}),
    ]);
  }

  async #change(model: CatalogModel, act: Act): Promise<boolean> {
    const control = controlOf(model.upstream, model.entry.ownedBy);
    const done = control && act(control, model);
    if (done === undefined) return false;
    await done;
    this.forget(model.upstream);
    await this.#catalog.refresh();
    return true;
  }

  async *#pulled(statuses: AsyncIterable<PullStatus>): AsyncGenerator<PullStatus> {
    for await (const status of statuses) {
      if (!framing.has(status.status)) yield status;
    }
    await this.#catalog.refresh();
  }
}

type Act = (control: ModelControl, model: CatalogModel) => Promise<void> | undefined;
