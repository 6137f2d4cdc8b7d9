import { ModelSelection } from "../config/model-selection.ts";
import type { Config, Policy, RouteConfig } from "../config/schema.ts";
import { comparableName } from "../ollama/model-name.ts";
import type { CheckedBackend, ServedModel } from "./check-backend.ts";

/** A configured route, and whether what it names is there. */
export interface CheckedRoute {
  readonly name: string;
  readonly policy: Policy;
  readonly targets: readonly CheckedTarget[];
  /** Models to ask in its place. */
  readonly fallback: readonly { readonly model: string; readonly listed: Listed }[];
}

interface CheckedTarget {
  readonly upstream: string;
  readonly model: string;
  readonly listed: Listed;
}

/** A number: of the models that a name with a star stands for. */
export type Listed = "yes" | "no" | "unknown" | "no such backend" | number;

type Lister = Pick<CheckedBackend, "served"> & {
  readonly state: Pick<CheckedBackend["state"], "id" | "problem">;
};

/**
 * Where it may lead nowhere, in words. A backend that could not tell its models may have any, and a
 * fallback may be a model that users created.
 */
export function deadEnds({ name, targets }: CheckedRoute): string[] {
  if (targets.length === 0) return [`${name}: no backend lists it`];
  return targets.flatMap(({ upstream, model, listed }) => {
    if (listed === "no such backend") return [`${name}: there is no backend ${upstream}`];
    return listed === "no" || listed === 0 ? [`${name}: ${upstream} does not list ${model}`] : [];
  });
}

/** Every route of the configuration against what the backends list. */
export function checkRoutes(
  { routes, failover }: Pick<Config, "routes" | "failover">,
  backends: readonly Lister[],
): CheckedRoute[] {
  return Object.entries(routes).map(([name, route]) => ({
    name,
    policy: route.policy ?? failover.policy,
    targets: targetsOf(name, route, backends),
    fallback: route.fallback.map((model) => ({
      model,
      listed: isRoute(model, routes) ? "yes" : listedAnywhere(model, backends),
    })),
  }));
}

/** Those that it names, else every backend that has the model. */
function targetsOf(
  name: string,
  { targets }: RouteConfig,
  backends: readonly Lister[],
): CheckedTarget[] {
  if (targets === undefined) {
    return backends
      .map((backend) => ({
        upstream: backend.state.id,
        model: name,
        listed: listedBy(backend, name),
      }))
      .filter(({ listed }) => listed !== "no" && listed !== 0);
  }
  return targets.map(({ upstream, model = name }) => {
    const backend = backends.find(({ state }) => state.id === upstream);
    const listed = backend === undefined ? "no such backend" : listedBy(backend, model);
    return { upstream, model, listed };
  });
}

function listedAnywhere(model: string, backends: readonly Lister[]): Listed {
  const found = backends.flatMap((backend) => [
    listedBy(backend, model),
    ...pinned(backend, model).map((own) => listedBy(backend, own)),
  ]);
  if (found.includes("yes")) return "yes";
  return found.includes("unknown") ? "unknown" : "no";
}

/** What `upstream/model` means to that backend. */
function pinned({ state }: Lister, model: string): string[] {
  const prefix = `${state.id}/`;
  return model.startsWith(prefix) ? [model.slice(prefix.length)] : [];
}

/** @param wanted an id of the backend, a name that clients use, or either with stars in it */
function listedBy({ served, state }: Lister, wanted: string): Listed {
  if (served.length === 0 && state.problem !== undefined) return "unknown";
  if (!wanted.includes("*")) return served.some((model) => isCalled(model, wanted)) ? "yes" : "no";
  const pattern = new ModelSelection({ include: [wanted] });
  return served.filter(({ id, name }) => pattern.serves(id) || pattern.serves(comparableName(name)))
    .length;
}

function isCalled({ id, name }: ServedModel, wanted: string): boolean {
  return id === wanted || comparableName(name) === comparableName(wanted);
}

function isRoute(model: string, routes: Config["routes"]): boolean {
  return Object.keys(routes).some((name) => comparableName(name) === comparableName(model));
}
