import { ProxyError } from "../errors.ts";
import { check } from "../ollama/fields.ts";
import { comparableName } from "../ollama/model-name.ts";
import { printModel } from "./model-file.ts";
import type { ModelStore } from "./store.ts";
import { virtualModelSchema, type VirtualModel } from "./virtual-model.ts";

const maxModels = 1_000;

/** Keeps models as long as the process lives: for where nothing may be written. */
export class MemoryStore implements ModelStore {
  readonly #models = new Map<string, VirtualModel>();

  async list(): Promise<readonly VirtualModel[]> {
    return [...this.#models.values()];
  }

  async get(name: string): Promise<VirtualModel | undefined> {
    return this.#models.get(comparableName(name));
  }

  async put(model: VirtualModel): Promise<void> {
    // What a file could not hold is refused here too.
    printModel(model);
    const key = comparableName(model.name);
    if (this.#models.size >= maxModels && !this.#models.has(key)) {
      throw new ProxyError("store_failed", `more than ${maxModels} models can't be kept in memory`);
    }
    this.#models.set(key, check(virtualModelSchema, model));
  }

  async delete(name: string): Promise<boolean> {
    return this.#models.delete(comparableName(name));
  }
}
