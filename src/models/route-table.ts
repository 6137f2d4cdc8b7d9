import type { Config, RouteConfig } from "../config/schema.ts";
import { comparableName } from "../ollama/model-name.ts";

export interface RouteMatch {
  readonly config: RouteConfig;
  /** What the first `*` stands for, spelled as in the name; empty where there is none. */
  readonly star: string;
}

interface Pattern {
  /** The texts around its stars. */
  readonly parts: readonly string[];
  readonly length: number;
  readonly config: RouteConfig;
}

/** The configured routes by the names that clients use. */
export class RouteTable {
  /** Those without a star, as configured. */
  readonly names: readonly string[];
  readonly #exact: ReadonlyMap<string, RouteConfig>;
  /** The longest first. */
  readonly #patterns: readonly Pattern[];

  constructor(routes: Config["routes"]) {
    const entries = Object.entries(routes);
    const exact = entries.filter(([name]) => !name.includes("*"));
    this.names = exact.map(([name]) => name);
    this.#exact = new Map(exact.map(([name, config]) => [comparableName(name), config]));
    this.#patterns = entries
      .filter(([name]) => name.includes("*"))
      .map(([name, config]) => toPattern(comparableName(name), config))
      .toSorted((one, other) => other.length - one.length);
  }

  /** The route of a name, however its case, its tag `:latest` and Ollama's registry are written. */
  match(name: string): RouteMatch | undefined {
    const compared = comparableName(name);
    const exact = this.#exact.get(compared);
    if (exact !== undefined) return { config: exact, star: "" };
    for (const { parts, config } of this.#patterns) {
      const found = findStar(parts, compared);
      if (found !== undefined) return { config, star: asSpelled(name, compared).slice(...found) };
    }
    return undefined;
  }
}

function toPattern(name: string, config: RouteConfig): Pattern {
  return { parts: name.split("*"), length: name.length, config };
}

/** Where the first star's text is. No regular expression: names come from clients, of any length. */
function findStar(
  [first = "", ...parts]: readonly string[],
  name: string,
): readonly [start: number, end: number] | undefined {
  const last = parts.pop() ?? "";
  const end = name.length - last.length;
  if (!name.startsWith(first) || !name.endsWith(last)) return undefined;
  let position = first.length;
  let starEnd: number | undefined;
  for (const part of parts) {
    const found = name.indexOf(part, position);
    if (found < 0) return undefined;
    starEnd ??= found;
    position = found + part.length;
  }
  return position > end ? undefined : [first.length, starEnd ?? end];
}

/** What is compared, in the case it was written in: to a backend, ids may differ by that alone. */
function asSpelled(name: string, compared: string): string {
  const start = name.toLowerCase().indexOf(compared);
  return name.slice(start, start + compared.length);
}
