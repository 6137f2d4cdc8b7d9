import { invalidRequest } from "../errors.ts";
import { comparableName } from "../ollama/model-name.ts";
import type { Catalog } from "./catalog.ts";
import type { CatalogModel } from "./catalog-model.ts";
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

type Made = LibraryModel & { readonly virtual: VirtualLayers };

const maxChain = 32;

/** Every model that clients can name: those of the backends, and those that users made of them. */
export class Library {
  readonly #catalog: Catalog;
  readonly #store: ModelStore;
  /** Kept while its parts are: what is known of a model is worked out once for each. */
  readonly #made = new WeakMap<VirtualModel, { base: CatalogModel; model: Made }>();

  constructor(catalog: Catalog, store: ModelStore) {
    this.#catalog = catalog;
    this.#store = store;
  }

  /** Virtual models first, the newest first; each hides a backend's model of its name. */
  async list(): Promise<readonly LibraryModel[]> {
    const [virtual, listed] = await Promise.all([this.#store.list(), this.#catalog.list()]);
    // Asks nobody: one model whose base is gone must not hold up all the others.
    const baseOf = async (name: string) => this.#catalog.lookUp(name);
    const newestFirst = virtual.toSorted((a, b) => b.modified_at.localeCompare(a.modified_at));
    const made = await Promise.all(
      newestFirst.map((model) => this.#over(model, baseOf).catch(() => undefined)),
    );
    const names = new Set(virtual.map(({ name }) => comparableName(name)));
    return [
      ...made.filter((model) => model !== undefined),
      ...listed.filter(({ name }) => !names.has(comparableName(name))),
    ];
  }

  /** @throws ProxyError 400 when virtual models are made of each other in a circle. */
  async find(name: string): Promise<LibraryModel | undefined> {
    const baseOf = (base: string) => this.#catalog.find(base);
    const virtual = await this.#store.get(name);
    return virtual === undefined ? baseOf(name) : this.#over(virtual, baseOf);
  }

  /** The same from what is known right now: a model that may not be needed holds nothing up. */
  async findKnown(name: string): Promise<LibraryModel | undefined> {
    const baseOf = async (base: string) => this.#catalog.findKnown(base);
    const virtual = await this.#store.get(name);
    return virtual === undefined ? baseOf(name) : this.#over(virtual, baseOf);
  }

  /** The same, but no backend is taken to have what it has not told of. */
  async findListed(name: string): Promise<LibraryModel | undefined> {
    const baseOf = (base: string) => this.#catalog.findListed(base);
    const virtual = await this.#store.get(name);
    return virtual === undefined ? baseOf(name) : this.#over(virtual, baseOf);
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
  async #over(
    outermost: VirtualModel,
    baseOf: (name: string) => Promise<CatalogModel | undefined>,
  ): Promise<LibraryModel | undefined> {
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
    const base = await baseOf(chain.at(-1)?.from ?? "");
    if (base === undefined) return undefined;
    const known = this.#made.get(outermost);
    const isSame = known?.base === base && sameItems(known.model.virtual.chain, chain);
    if (known !== undefined && isSame) return known.model;
    const virtual = { chain, merged: mergeChain(chain) };
    const model = { ...base, name: outermost.name, virtual };
    this.#made.set(outermost, { base, model });
    return model;
  }
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
