import type { Dialect } from "../dialects/dialect.ts";
import type { OptionName, Options } from "../ollama/options.ts";
import type { Backend, Lowered } from "./backend.ts";

/** Where nobody knows how much room there is. */
const generousLimit = 4096;
/** Least room left for an answer when the prompt seems to fill the context. */
const leastLimit = 256;

interface LoweredOptions extends Lowered {
  /** Stop texts that the backend does not take and the proxy watches for. */
  readonly stops: readonly string[];
}

/**
 * Ollama's options in the dialect's fields. Only what the client set is sent: the backend's own
 * defaults hold for the rest, but for output limits that are too small to be of use.
 * @param use which of the dialect's small limits apply
 */
export function lowerOptions(
  { known, unknown }: Options,
  use: Dialect["limits_needed"][number],
  { dialect, contextLength }: Backend,
  promptEstimate: number,
): LoweredOptions {
  const fields: Record<string, unknown> = {};
  const namesOf = (name: OptionName) => wireNamesOf(name, use, dialect);
  const ignored = unknown.map((name) => `options.${name}`);
  for (const [name, value] of Object.entries(known)) {
    if (name === "stop" || meansDefault(name, value)) continue;
    const wireNames = namesOf(name as OptionName);
    const sent = bounded(value, wireNames[0], dialect);
    for (const wireName of wireNames) fields[wireName] = sent;
    if (wireNames.length === 0 || sent !== value) ignored.push(`options.${name}`);
  }
  const stops = (known.stop ?? []).filter((text) => text !== "");
  const stopNames = namesOf("stop");
  const taken = stopNames.length === 0 ? 0 : dialect.max_stops;
  for (const name of stopNames)
    if (taken > 0 && stops.length > 0) fields[name] = stops.slice(0, taken);
  return {
    fields: { ...neededLimit(use, dialect, contextLength, promptEstimate, known), ...fields },
    ignored,
    stops: stops.slice(taken),
  };
}

/** Only chat has another name for the limit, and only at some. */
function wireNamesOf(
  name: OptionName,
  use: Dialect["limits_needed"][number],
  { options }: Dialect,
): readonly string[] {
  const names = options[name] ?? [];
  return use === "completion" && name === "num_predict" && names.length > 0
    ? ["max_tokens"]
    : names;
}

/** What says no more than that the backend shall do as it does without the option. */
function meansDefault(name: string, value: unknown): boolean {
  return (
    (name === "num_predict" && Number(value) <= 0) ||
    ((name === "seed" || name === "repeat_last_n") && Number(value) < 0)
  );
}

function bounded(value: unknown, wireName: string | undefined, { ranges }: Dialect): unknown {
  const range = ranges[wireName ?? ""];
  if (range === undefined || typeof value !== "number") return value;
  return Math.min(range[1], Math.max(range[0], value));
}

/** Some backends stop after 16 tokens when nothing is said; Ollama goes on until the model stops. */
function neededLimit(
  use: Dialect["limits_needed"][number],
  dialect: Dialect,
  contextLength: number | undefined,
  promptEstimate: number,
  known: Options["known"],
): Lowered["fields"] {
  if ((known.num_predict ?? -1) > 0 || !dialect.limits_needed.includes(use)) return {};
  const room =
    contextLength === undefined
      ? generousLimit
      : Math.max(leastLimit, contextLength - 2 * promptEstimate);
  return Object.fromEntries(
    wireNamesOf("num_predict", use, dialect).map((name) => [name, bounded(room, name, dialect)]),
  );
}
