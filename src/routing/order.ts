import type { Policy } from "../config/schema.ts";

export interface Candidate {
  /** The least goes first. */
  readonly priority: number;
  readonly weight: number;
  /** Requests under way. */
  readonly running: number;
}

type Arrange = <C extends Candidate>(peers: C[], turn: number, random: () => number) => C[];

/** Among candidates of one priority. */
const arrangements: Readonly<Record<Policy, Arrange>> = {
  priority: (peers) => peers,
  "least-busy": (peers) => sortedBy(peers, ({ running }) => running),
  "round-robin": (peers, turn) => {
    const first = turn % peers.length;
    return [...peers.slice(first), ...peers.slice(0, first)];
  },
  // Each waits a random time, exponential with its weight as the rate: who comes first is then a
  // draw by weight, and so is who comes first of the rest.
  weighted: (peers, _turn, random) =>
    sortedBy(peers, ({ weight }) =>
      weight === 0 ? Number.POSITIVE_INFINITY : -Math.log(1 - random()) / weight,
    ),
};

/**
 * Best first: a tier for each priority, the least first, and within it by policy.
 * @param turn a counter, for `round-robin`
 * @param random from 0 to below 1, for `weighted`, where weight 0 comes last
 */
export function inOrder<C extends Candidate>(
  candidates: readonly C[],
  policy: Policy,
  turn: number,
  random: () => number,
): C[][] {
  const priorities = [...new Set(candidates.map(({ priority }) => priority))];
  return priorities
    .toSorted((one, other) => one - other)
    .map((priority) => candidates.filter((candidate) => candidate.priority === priority))
    .map((peers) => arrangements[policy](peers, turn, random));
}

/** Equals stay in their order. */
function sortedBy<Item>(items: readonly Item[], valueOf: (item: Item) => number): Item[] {
  return items
    .map((item) => ({ item, value: valueOf(item) }))
    .toSorted((one, other) => (one.value === other.value ? 0 : one.value - other.value))
    .map(({ item }) => item);
}
