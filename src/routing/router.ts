import type { Config } from "../config/schema.ts";
import type { Cards } from "../models/cards.ts";
import type { Catalog } from "../models/catalog.ts";
import type { ModelRoute } from "../models/catalog-model.ts";
import type { Library, LibraryModel } from "../models/library.ts";
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

/** What a route remembers from one request to the next. */
interface RouteState {
  readonly budget: RetryBudget;
  turn: number;
}

/** Where the requests for a model go, and where else when that fails. */
export class Router {
  readonly #options: RouterOptions;
  /** For as long as the catalog keeps the route. */
  readonly #states = new WeakMap<ModelRoute, RouteState>();

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  /** The tries of one request. */
  async attempts(
    target: Target,
    caller: Pick<AttemptsOptions, "model" | "clientKey" | "signal">,
  ): Promise<Attempts> {
    const { catalog, failover } = this.#options;
    const { route } = target.model;
    const state = route === undefined ? undefined : this.#stateOf(route);
    if (state !== undefined) state.turn += 1;
    return new Attempts({
      ...caller,
      tiers: await this.tiers(target),
      failover,
      budget: state?.budget ?? new RetryBudget(failover.budget),
      onMissing: (upstream) => catalog.doubt(upstream),
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
    const { turn } = this.#stateOf(model.route);
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

  #stateOf(route: ModelRoute): RouteState {
    const known = this.#states.get(route);
    if (known !== undefined) return known;
    // A random first turn, so that not every reload of a list begins at the same backend.
    const turn = Math.floor(Math.random() * route.targets.length);
    const state = { budget: new RetryBudget(this.#options.failover.budget), turn };
    this.#states.set(route, state);
    return state;
  }
}

/** What a virtual model puts over its base it puts over every place where that is to be had. */
function withLayersOf({ name, virtual }: LibraryModel, model: LibraryModel): LibraryModel {
  return virtual === undefined ? model : { ...model, name, virtual };
}
