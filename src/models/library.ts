import { invalidRequest } from "../errors.ts";
import { comparableName } from "../ollama/model-name.ts";
import type { Catalog, CatalogModel } from "./catalog.ts";
import type { ModelStore } from "./store.ts";
import { mergeChain, type Merged, type VirtualModel } from "./virtual-model.ts";

/** What a virtual model puts over its base. */
export interface VirtualLayers {
  /** The outermost first. */
  readonly chain: readonly [VirtualModel, ...VirtualModel[]];
  readonly merged: Merged;
}

/** A model that a client can name: a backend's, or a virtual one over it. */
export interface LibraryModel extends CatalogModel {
  readonly virtual?: VirtualLayers;
}

const maxChain = 32;

/** Every model that clients can name: those of the backends, and those that users made of them. */
export class Library {
  readonly #catalog: Catalog;
  readonly #store: ModelStore;

  constructor(catalog: Catalog, store: ModelStore) {
    this.#catalog = catalog;
    this.#store = store;
  }

  /** Virtual models first, the newest first; each hides a backend's model of its name. */
  async list(): Promise<readonly LibraryModel[]> {
    const [virtual, listed] = await Promise.all([this.#store.list(), this.#catalog.list()]);
    const newestFirst = virtual.toSorted((a, b) => b.modified_at.localeCompare(a.modified_at));
    const made = await Promise.all(
      newestFirst.map((model) => this.#over(model).catch(() => undefined)),
    );
    const names = new Set(virtual.map(({ name }) => comparableName(name)));
    return [
      ...made.filter((model) => model !== undefined),
      ...listed.filter(({ name }) => !names.has(comparableName(name))),
    ];
  }

  /** @throws ProxyError 400 when virtual models are made of each other in a circle. */
  async find(name: string): Promise<LibraryModel | undefined> {
    const virtual = await this.#store.get(name);
    return virtual === undefined ? this.#catalog.find(name) : this.#over(virtual);
  }

  /** Virtual models that are made directly of this one. */
  async madeOf(name: string): Promise<readonly VirtualModel[]> {
    const wanted = comparableName(name);
    const all = await this.#store.list();
    return all.filter(
      (model) => comparableName(model.from) === wanted && comparableName(model.name) !== wanted,
    );
  }

  /** A virtual model whose name is also its base's stands over the backend's model of that name. */
  async #over(outermost: VirtualModel): Promise<LibraryModel | undefined> {
    const chain: [VirtualModel, ...VirtualModel[]] = [outermost];
    for (let last = outermost; ;) {
      const isOwn = comparableName(last.from) === comparableName(last.name);
      const next = isOwn ? undefined : await this.#store.get(last.from);
      if (next === undefined) break;
      if (
        chain.includes(next) ||
        chain.some(({ name }) => name === next.name) ||
        chain.length >= maxChain
      ) {
        throw invalidRequest(`model '${outermost.name}' is made of itself`);
      }
      chain.push(next);
      last = next;
    }
    const base = await this.#catalog.find(chain.at(-1)?.from ?? "");
    if (base === undefined) return undefined;
    return { ...base, name: outermost.name, virtual: { chain, merged: mergeChain(chain) } };
  }
}
