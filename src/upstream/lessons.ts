import type { DialectOverrides } from "../dialects/dialect.ts";
import type { Lesson } from "./lesson.ts";

const lifetime = 3_600_000;
const maxModels = 1_000;

/** Routes that a backend may treat differently. */
export type Use = "chat" | "completion" | "embedding";

/** One corrected setting of a dialect. */
interface Learned {
  readonly value: unknown;
  readonly what: string;
  readonly expiresAt: number;
}

/** What one backend's refusals taught of each of its models, each for an hour. */
export class Lessons {
  readonly #models = new Map<string, Map<string, Learned>>();

  of(model: string, use: Use): DialectOverrides {
    const learned = this.#models.get(keyOf(model, use));
    if (learned === undefined) return {};
    forgetOld(learned);
    return Object.fromEntries([...learned].map(([setting, { value }]) => [setting, value]));
  }

  remember(model: string, use: Use, { overrides, what }: Lesson): void {
    const key = keyOf(model, use);
    if (!this.#models.has(key) && this.#models.size >= maxModels) this.#models.clear();
    const learned = this.#models.get(key) ?? new Map<string, Learned>();
    const expiresAt = performance.now() + lifetime;
    for (const [setting, value] of Object.entries(overrides)) {
      const earlier = learned.get(setting)?.what.split("; ") ?? [];
      const words = [...new Set([...earlier, what])].join("; ");
      learned.set(setting, { value, what: words, expiresAt });
    }
    this.#models.set(key, learned);
  }

  /** In words, by model. */
  list(): { readonly model: string; readonly what: readonly string[] }[] {
    const words = new Map<string, string[]>();
    for (const [key, learned] of this.#models) {
      forgetOld(learned);
      const { model } = JSON.parse(key) as { model: string };
      const known = words.get(model) ?? [];
      words.set(model, [
        ...known,
        ...[...learned.values()].flatMap(({ what }) => what.split("; ")),
      ]);
    }
    return [...words].flatMap(([model, what]) =>
      what.length === 0 ? [] : [{ model, what: [...new Set(what)] }],
    );
  }
}

function keyOf(model: string, use: Use): string {
  return JSON.stringify({ model, use });
}

function forgetOld(learned: Map<string, Learned>): void {
  for (const [setting, { expiresAt }] of learned) {
    if (expiresAt <= performance.now()) learned.delete(setting);
  }
}
