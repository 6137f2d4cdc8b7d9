import type { z } from "zod";
import { comparableName } from "../ollama/model-name.ts";
import type { circuitSchema, routeSchema } from "./traffic-schema.ts";
import type { upstreamSchema } from "./upstream-schema.ts";

type Route = z.output<typeof routeSchema>;

/** The settings that have to go with each other. */
interface Checked {
  readonly api_key?: string | undefined;
  readonly upstreams: readonly z.output<typeof upstreamSchema>[];
  readonly routes: Readonly<Record<string, Route>>;
  readonly circuit: z.output<typeof circuitSchema>;
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
    ...unsentKeys(config),
    ...repeatedKeys(config),
    ...shorterLater(config),
    ...repeatedNames(config),
    ...Object.entries(config.routes).flatMap(([name, route]) =>
      [...wrongStars(name, route), ...unknownTargets(route, config), ...wrongFallbacks(name, route)]
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

function unsentKeys({ upstreams }: Checked): Contradiction[] {
  return upstreams.flatMap(({ auth, api_key }, place) =>
    auth === "none" && api_key !== undefined
      ? [
          {
            path: ["upstreams", place, "api_key"],
            message: "with `auth: none` no key is sent; leave out one of the two",
          },
        ]
      : [],
  );
}

/** Two of one account would be asked in turn, and rest one after the other. */
function repeatedKeys({ upstreams }: Checked): Contradiction[] {
  return upstreams.flatMap(({ api_key: keys = [] }, place) =>
    keys.flatMap((key, at) => {
      const first = keys.indexOf(key);
      return first === at
        ? []
        : [{ path: ["upstreams", place, "api_key", at], message: `the same as key ${first + 1}` }];
    }),
  );
}

function shorterLater({ circuit: { open, max_open } }: Checked): Contradiction[] {
  if (max_open >= open) return [];
  const message = `expected no less than \`open\`: ${max_open / 1000} s is shorter than ${open / 1000} s`;
  return [{ path: ["circuit", "max_open"], message }];
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
  const ofName = starsIn(name);
  if (ofName > 1) return [{ path: [], message: "expected at most one `*` in the name of a route" }];
  return targets.flatMap(({ model = "" }, place) => {
    const path = ["targets", place, "model"];
    const count = starsIn(model);
    if (count > 0 && ofName === 0) {
      return [{ path, message: "a `*` stands for that of the route's name, which has none" }];
    }
    return count > 1 ? [{ path, message: "expected at most one `*`" }] : [];
  });
}

function starsIn(text: string): number {
  return text.split("*").length - 1;
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

function wrongFallbacks(name: string, { fallback }: Route): Contradiction[] {
  return fallback.flatMap((other, place) => {
    const path = ["fallback", place];
    if (other.includes("*")) {
      return [{ path, message: "expected the name of one model; a `*` stands for nothing here" }];
    }
    return comparableName(other) === comparableName(name)
      ? [{ path, message: "a model can't take its own place" }]
      : [];
  });
}
