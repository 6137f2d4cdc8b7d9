import { comparableName } from "../ollama/model-name.ts";
import type { ModelStore } from "./store.ts";
import type { VirtualModel } from "./virtual-model.ts";

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
    this.#models.set(comparableName(model.name), model);
  }

  async delete(name: string): Promise<boolean> {
    return this.#models.delete(comparableName(name));
  }
}
