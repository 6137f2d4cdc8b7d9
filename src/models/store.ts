import type { VirtualModel } from "./virtual-model.ts";

/**
 * Where virtual models are kept. Names are equal as `comparableName` says. What another process
 * changes is seen within a second, what this one changes at once.
 */
export interface ModelStore {
  list(): Promise<readonly VirtualModel[]>;
  get(name: string): Promise<VirtualModel | undefined>;
  /**
   * Adds the model, or replaces the one of that name.
   * @throws ProxyError `invalid_request`, `body_too_large` or `store_failed`; the store is then as
   *   it was.
   */
  put(model: VirtualModel): Promise<void>;
  /**
   * @returns whether there was one
   * @throws ProxyError `store_failed`
   */
  delete(name: string): Promise<boolean>;
}
