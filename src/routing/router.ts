import type { Config } from "../config/schema.ts";
import type { Cards } from "../models/cards.ts";
import type { Catalog } from "../models/catalog.ts";
import type { ModelRoute } from "../models/catalog-model.ts";
import type { Library, LibraryModel } from "../models/library.ts";
import { comparableName } from "../ollama/model-name.ts";
import { Attempts, type AttemptsOptions } from "./attempts.ts";
import { inOrder } from "./order.ts";
import type { Target } from "./resolve.ts";
import { RetryBudget } from "./retry-budget.ts";

export interface RouterOptions {
  readonly catalog: Catalog;
  readonly library: Library;
  readonly cards: Cards;
  readonly failover: Config["failover"];
}

/** Where the requests for a model go, and where else when that fails. */
export class Router {
  readonly #options: RouterOptions;
  /** For round-robin, for as long as the catalog keeps the route. */
  readonly #turns = new WeakMap<ModelRoute, number>();
  /** Of models with requests under way. */
  readonly #budgets = new Map<string, RetryBudget>();

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  /** The tries of one request. */
  async attempts(
    target: Target,
    caller: Pick<AttemptsOptions, "model" | "clientKey" | "signal">,
  ): Promise<Attempts> {
    const { catalog, failover } = this.#options;
    const { route, name } = target.model;
    if (route !== undefined) this.#turns.set(route, this.#turnOf(route) + 1);
    const tiers = await this.tiers(target);
    const key = comparableName(name);
    const budget = this.#budgets.get(key) ?? new RetryBudget(failover.budget);
    this.#budgets.set(key, budget);
    return new Attempts({
      ...caller,
      tiers,
      failover,
      budget,
      onMissing: (upstream) => catalog.doubt(upstream),
      onClose: () => {
        if (budget.isIdle) this.#budgets.delete(key);
      },
    });
  }

  /**
   * Where to ask, best first: the model's own places by priority, then those of its fallbacks; none
   * twice. Those of one tier are as good as each other.
   */
  async tiers(target: Target): Promise<readonly (readonly Target[])[]> {
    const { model } = target;
    if (model.route === undefined) return [[target]];
    // One counter for all: a fallback's own stands still while others are asked in its place.
    const turn = this.#turnOf(model.route);
    const models = [model, ...(await this.#fallbacks(model, model.route))];
    const seen = new Set<string>();
    return models
      .flatMap((each) => this.#places(each, turn))
      .map((tier) =>
        tier.filter(({ model: { upstream, entry } }) => {
          const place = `${upstream.id}/${entry.id}`;
          return !seen.has(place) && seen.add(place);
        }),
      );
  }

  /** With their own fallbacks after them. */
  async #fallbacks(model: LibraryModel, route: ModelRoute): Promise<LibraryModel[]> {
    const models: LibraryModel[] = [];
    // A set that grows is walked to its new end, and takes no name twice.
    const names = new Set(route.fallback);
    for (const name of names) {
      const found = await this.#options.library.findKnown(name);
      if (found === undefined) continue;
      models.push(withLayersOf(model, found));
      for (const next of found.route?.fallback ?? []) names.add(next);
    }
    return models;
  }

  /** By priority. */
  #places(model: LibraryModel, turn: number): Target[][] {
    const { route } = model;
    if (route === undefined) return [[this.#target(model)]];
    const candidates = route.targets.map((target) => ({
      ...target,
      running: target.model.upstream.slots.running,
    }));
    const policy = route.policy ?? this.#options.failover.policy;
    return inOrder(candidates, policy, turn, Math.random).map((tier) =>
      tier.map((candidate) => this.#target(withLayersOf(model, candidate.model))),
    );
  }

  #target(model: LibraryModel): Target {
    return { model, facts: this.#options.cards.facts(model) };
  }

  /** The first is random, so that not every new list begins at the same backend. */
  #turnOf(route: ModelRoute): number {
    return this.#turns.get(route) ?? Math.floor(Math.random() * route.targets.length);
  }
}

/** What a virtual model puts over its base it puts over every place where that is to be had. */
function withLayersOf({ name, virtual }: LibraryModel, model: LibraryModel): LibraryModel {
  return virtual === undefined ? model : { ...model, name, virtual };
}
