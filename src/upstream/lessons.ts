import type { DialectOverrides } from "../dialects/dialect.ts";
import type { Lesson } from "./learn.ts";

const lifetime = 3_600_000;
const maxModels = 1_000;

interface Learned {
  readonly overrides: DialectOverrides;
  readonly what: readonly string[];
  readonly expiresAt: number;
}

/** What one backend's refusals taught of each of its models, kept for an hour. */
export class Lessons {
  readonly #learned = new Map<string, Learned>();

  of(model: string): DialectOverrides | undefined {
    return this.#live(model)?.overrides;
  }

  remember(model: string, { overrides, what }: Lesson): void {
    const earlier = this.#live(model);
    if (earlier === undefined && this.#learned.size >= maxModels) this.#learned.clear();
    this.#learned.set(model, {
      overrides: { ...earlier?.overrides, ...overrides },
      what: [...(earlier?.what ?? []), what],
      expiresAt: performance.now() + lifetime,
    });
  }

  /** In words, by model. */
  list(): { readonly model: string; readonly what: readonly string[] }[] {
    return [...this.#learned.keys()].flatMap((model) => {
      const learned = this.#live(model);
      return learned === undefined ? [] : [{ model, what: learned.what }];
    });
  }

  #live(model: string): Learned | undefined {
    const learned = this.#learned.get(model);
    if (learned === undefined || learned.expiresAt > performance.now()) return learned;
    this.#learned.delete(model);
    return undefined;
  }
}
