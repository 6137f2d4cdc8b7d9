import type { KeepAlive } from "../ollama/duration.ts";
import type { ProcessModel } from "../ollama/responses.ts";
import type { Cards } from "./cards.ts";
import type { CatalogModel } from "./catalog.ts";

/** What Ollama tells of a model that stays for ever: a date some centuries away. */
const forever = new Date("2319-01-01T00:00:00Z").getTime();

interface LoadedModel {
  readonly model: CatalogModel;
  readonly keepAlive: KeepAlive;
  readonly expiresAt: number;
  readonly contextLength: number;
}

/**
 * Which models clients have used of late, as `ollama ps` shows them. A backend loads its models when
 * it likes; this is Ollama's view of it, driven by `keep_alive`.
 */
export class LoadedModels {
  readonly #cards: Cards;
  readonly #defaultKeepAlive: KeepAlive;
  readonly #loaded = new Map<string, LoadedModel>();

  constructor(cards: Cards, defaultKeepAlive: KeepAlive) {
    this.#cards = cards;
    this.#defaultKeepAlive = defaultKeepAlive;
  }

  /**
   * @param keepAlive the request's; without one the last that was said of this model holds
   * @param contextLength the request's `num_ctx`, if it has one
   */
  use(model: CatalogModel, keepAlive: KeepAlive | undefined, contextLength?: number): void {
    const earlier = this.#loaded.get(model.name);
    const lifetime = keepAlive ?? earlier?.keepAlive ?? this.#defaultKeepAlive;
    if (lifetime <= 0) {
      this.#loaded.delete(model.name);
      return;
    }
    this.#loaded.set(model.name, {
      model,
      keepAlive: lifetime,
      expiresAt: Math.min(forever, Date.now() + lifetime),
      contextLength: contextLength ?? this.#cards.facts(model).contextLength,
    });
  }

  /** Those still loaded, the one that stays longest first. */
  list(): ProcessModel[] {
    const now = Date.now();
    for (const [name, { expiresAt }] of this.#loaded) {
      if (expiresAt <= now) this.#loaded.delete(name);
    }
    return [...this.#loaded.values()]
      .toSorted((a, b) => b.expiresAt - a.expiresAt)
      .map(({ model, expiresAt, contextLength }) => ({
        name: model.name,
        model: model.name,
        size: this.#cards.size(model),
        digest: this.#cards.digest(model),
        details: this.#cards.details(model),
        expires_at: new Date(expiresAt).toISOString(),
        size_vram: this.#cards.size(model),
        context_length: contextLength,
      }));
  }
}
