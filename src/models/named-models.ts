import type { RouteConfig } from "../config/schema.ts";
import { comparableName, withTag } from "../ollama/model-name.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { CatalogModel, RouteTarget } from "./catalog-model.ts";
import type { RouteTable } from "./route-table.ts";

type Match = NonNullable<ReturnType<RouteTable["match"]>>;

/** Names that are not in any list come from clients, who know no end of them. */
const maxKept = 1_000;

/**
 * Every model by the names that clients may use. Backends that list the same name serve one model;
 * a configured route says otherwise, or more. Lists may hold hundreds of models, so they are put in
 * order once, not per request.
 */
export class NamedModels {
  /** In the order of the backends, then those that only a route names. */
  readonly models: readonly CatalogModel[];
  readonly #listed: readonly CatalogModel[];
  readonly #routes: RouteTable;
  readonly #upstreams: readonly Upstream[];
  readonly #byName: ReadonlyMap<string, CatalogModel>;
  readonly #byId: ReadonlyMap<string, CatalogModel>;
  /** `upstream/model`: that backend's and no other's. */
  readonly #byPath: ReadonlyMap<string, CatalogModel>;
  /** Backend and id, or backend and name. */
  readonly #byPlace: ReadonlyMap<string, CatalogModel>;
  /** What is in no list, by the name it was asked for. */
  readonly #kept = new Map<string, CatalogModel>();

  /** @param listed what each backend told, in the order of the backends */
  constructor(listed: readonly CatalogModel[], routes: RouteTable, upstreams: readonly Upstream[]) {
    this.#listed = listed;
    this.#routes = routes;
    this.#upstreams = upstreams;
    const backwards = listed.toReversed();
    this.#byPlace = new Map([
      ...backwards.map(
        (model) => [`${model.upstream.id} ${comparableName(model.name)}`, model] as const,
      ),
      ...backwards.map((model) => [`${model.upstream.id} ${model.entry.id}`, model] as const),
    ]);
    const groups = byComparableName(listed);
    const named = routes.names.filter((name) => !groups.has(comparableName(name)));
    this.models = [
      ...[...groups.values()].flatMap((group) => this.#oneOf(group) ?? []),
      ...named.flatMap((name) => this.#byRoute(name, () => true) ?? []),
    ];
    this.#byName = new Map(this.models.map((model) => [comparableName(model.name), model]));
    this.#byId = new Map(
      backwards.map((model) => [
        model.entry.id,
        this.#byName.get(comparableName(model.name)) ?? model,
      ]),
    );
    this.#byPath = new Map(
      backwards.map((model) => [comparableName(`${model.upstream.id}/${model.name}`), model]),
    );
  }

  /** With or without `:latest`, in any case, by its id, or as `upstream/model`. */
  lookUp(name: string): CatalogModel | undefined {
    const wanted = comparableName(name);
    return (
      this.#byName.get(wanted) ??
      this.#byId.get(name) ??
      this.#byPath.get(wanted) ??
      this.#keep(
        name,
        this.#byRoute(name, ({ model }) => this.#listed.some(({ entry }) => entry === model.entry)),
      )
    );
  }

  /** A name that nobody lists, at the backends that could not tell their models. */
  guess(name: string, isSilent: (upstream: Upstream) => boolean): CatalogModel | undefined {
    return name.trim() === "" ? undefined : this.#keep(name, this.#guess(name, isSilent));
  }

  #guess(name: string, isSilent: (upstream: Upstream) => boolean): CatalogModel | undefined {
    const silent = this.#upstreams.filter(isSilent);
    const pinned = silent.find(({ id }) => name.startsWith(`${id}/`));
    if (pinned !== undefined) return asGuessed(pinned, name.slice(pinned.id.length + 1))[0];
    return (
      this.#byRoute(name, ({ model }) => isSilent(model.upstream)) ??
      this.#oneOf(silent.flatMap((upstream) => asGuessed(upstream, name)))
    );
  }

  /**
   * What backends serve under one name. Only a configured route mixes real Ollamas with others: their
   * answers would no longer be passed on as they are.
   */
  #oneOf(group: readonly CatalogModel[]): CatalogModel | undefined {
    const [first] = group;
    if (first === undefined) return undefined;
    const match = this.#routes.match(first.name);
    const targets =
      match?.config.targets === undefined
        ? group
            .filter(({ upstream }) => upstream.kind === first.upstream.kind)
            .map((model) => target(model))
        : this.#targets(match, first.name);
    return routed(first.name, targets, match?.config);
  }

  /** The same object as before for the same places: turns are counted by it. */
  #keep(name: string, model: CatalogModel | undefined): CatalogModel | undefined {
    if (model === undefined) return undefined;
    const key = comparableName(name);
    const kept = this.#kept.get(key);
    if (kept !== undefined && placesOf(kept) === placesOf(model)) return kept;
    if (this.#kept.size >= maxKept) this.#kept.clear();
    this.#kept.set(key, model);
    return model;
  }

  /** What only a route serves, from those of its targets that are good. */
  #byRoute(name: string, isGood: (target: RouteTarget) => boolean): CatalogModel | undefined {
    const match = this.#routes.match(name);
    if (match === undefined) return undefined;
    return routed(withTag(name), this.#targets(match, name).filter(isGood), match.config);
  }

  /** A backend may serve more than it lists, so what the configuration names is taken to be there. */
  #targets({ config, star }: Match, name: string): RouteTarget[] {
    const plain = name.replace(/:latest$/, "");
    return (config.targets ?? []).flatMap(({ upstream: id, model: given, ...own }) => {
      const upstream = this.#upstreams.find((candidate) => candidate.id === id);
      if (upstream === undefined) return [];
      const wanted = given?.replace("*", star) ?? plain;
      const listed =
        this.#byPlace.get(`${id} ${wanted}`) ??
        this.#byPlace.get(`${id} ${comparableName(wanted)}`);
      const model = listed ?? { name, upstream, entry: { id: upstream.selection.idOf(wanted) } };
      return target({ ...model, name: withTag(name) }, own);
    });
  }
}

/** Upstreams and ids, to compare. */
function placesOf(model: CatalogModel): string {
  const targets = model.route?.targets ?? [{ model }];
  return JSON.stringify(targets.map((place) => [place.model.upstream.id, place.model.entry.id]));
}

/** A model of a backend that can't tell whether it has it; none where it must not be served. */
function asGuessed(upstream: Upstream, name: string): CatalogModel[] {
  const id = upstream.selection.idOf(name.replace(/:latest$/, ""));
  return upstream.selection.serves(id) ? [{ name: withTag(name), upstream, entry: { id } }] : [];
}

function byComparableName(models: readonly CatalogModel[]): Map<string, CatalogModel[]> {
  const groups = new Map<string, CatalogModel[]>();
  for (const model of models) {
    const key = comparableName(model.name);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [model]);
    else group.push(model);
  }
  return groups;
}

function target(
  model: CatalogModel,
  own: { priority?: number | undefined; weight?: number | undefined } = {},
): RouteTarget {
  const { priority, weight } = model.upstream.config;
  return { model, priority: own.priority ?? priority, weight: own.weight ?? weight };
}

function routed(
  name: string,
  targets: readonly RouteTarget[],
  { policy, fallback = [] }: Partial<RouteConfig> = {},
): CatalogModel | undefined {
  const inOrder = targets.toSorted((a, b) => a.priority - b.priority);
  const [first] = inOrder;
  if (first === undefined) return undefined;
  const route =
    inOrder.length > 1 || fallback.length > 0 ? { policy, targets: inOrder, fallback } : undefined;
  return { ...first.model, name, ...(route === undefined ? {} : { route }) };
}
