/** What all share that get no label of their own. */
export const other = "other";

/** Values of a label: so many as they come, which is what Prometheus and this process can hold. */
export class LabelValues {
  readonly #limit: number;
  readonly #known = new Set<string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @param isNew whether a value that is not known yet may become so */
  has(value: string, isNew = true): boolean {
    if (this.#known.has(value)) return true;
    if (!isNew || this.#known.size >= this.#limit) return false;
    this.#known.add(value);
    return true;
  }
}
