import type { z } from "zod";
import { comparableName } from "../ollama/model-name.ts";
import type { routeSchema } from "./traffic-schema.ts";
import type { upstreamSchema } from "./upstream-schema.ts";

type Route = z.output<typeof routeSchema>;

/** The settings that have to go with each other. */
interface Checked {
  readonly api_key?: string | undefined;
  readonly upstreams: readonly z.output<typeof upstreamSchema>[];
  readonly routes: Readonly<Record<string, Route>>;
}

interface Contradiction {
  readonly path: (string | number)[];
  readonly message: string;
}

/** Settings that are right each by itself, and wrong together. */
export function contradictions(config: Checked): Contradiction[] {
  return [
    ...repeatedIds(config),
    ...keysAskedTwice(config),
    ...repeatedNames(config),
    ...Object.entries(config.routes).flatMap(([name, route]) =>
      [...wrongStars(name, route), ...unknownTargets(route, config), ...ownFallbacks(name, route)]
        // Each check names what it found by its place in the route.
        .map(({ path, message }) => ({ path: ["routes", name, ...path], message })),
    ),
  ];
}

function repeatedIds({ upstreams }: Checked): Contradiction[] {
  const ids = upstreams.map(({ id }) => id);
  return ids.flatMap((id, place) =>
    ids.indexOf(id) === place
      ? []
      : [{ path: ["upstreams", place, "id"], message: `there is a backend "${id}" already` }],
  );
}

function keysAskedTwice({ api_key, upstreams }: Checked): Contradiction[] {
  if (api_key === undefined) return [];
  return upstreams.flatMap(({ auth }, place) =>
    auth === "client"
      ? [
          {
            path: ["upstreams", place, "auth"],
            message:
              "a caller can send one key only: it can't be both the backend's (`client`) and the proxy's own `api_key`",
          },
        ]
      : [],
  );
}

function repeatedNames({ routes }: Checked): Contradiction[] {
  const names = Object.keys(routes);
  return names.flatMap((name, place) => {
    const first = names.findIndex((other) => comparableName(other) === comparableName(name));
    return first === place
      ? []
      : [{ path: ["routes", name], message: `means the same models as "${names[first]}"` }];
  });
}

function wrongStars(name: string, { targets = [] }: Route): Contradiction[] {
  const count = name.split("*").length - 1;
  if (count > 1) return [{ path: [], message: "expected at most one `*` in the name of a route" }];
  return targets.flatMap(({ model = "" }, place) =>
    model.includes("*") && count === 0
      ? [
          {
            path: ["targets", place, "model"],
            message: "a `*` stands for that of the route's name, which has none",
          },
        ]
      : [],
  );
}

/** Without any backend in the configuration, the one that is found may have any id. */
function unknownTargets({ targets = [] }: Route, { upstreams }: Checked): Contradiction[] {
  if (upstreams.length === 0) return [];
  const ids = upstreams.map(({ id }) => id);
  return targets.flatMap(({ upstream }, place) =>
    ids.includes(upstream)
      ? []
      : [
          {
            path: ["targets", place, "upstream"],
            message: `there is no backend "${upstream}"; there is ${ids.map((id) => `"${id}"`).join(", ")}`,
          },
        ],
  );
}

function ownFallbacks(name: string, { fallback }: Route): Contradiction[] {
  return fallback.flatMap((other, place) =>
    comparableName(other) === comparableName(name)
      ? [{ path: ["fallback", place], message: "a model can't take its own place" }]
      : [],
  );
}
