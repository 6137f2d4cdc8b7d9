import { capabilities, isCapability, type Capability } from "../ollama/responses.ts";
import type { Abilities } from "./abilities.ts";
import { familyOf } from "./families.ts";
import type { Family } from "./family.ts";
import type { ModelEntry } from "./model-entry.ts";
import { parameterCount, shortCount, sizeInName } from "./parameter-size.ts";
import { quantizationInName } from "./quantization.ts";

/** Who says so, the surest first; what a family or a default says is a guess. */
export type FactSource = "configuration" | "backend" | "family" | "default";

export interface Fact<Value> {
  readonly value: Value;
  readonly source: FactSource;
  /** Of a family: where what it says is documented. */
  readonly documented?: string;
}

export function isGuess({ source }: Fact<unknown>): boolean {
  return source === "family" || source === "default";
}

/** Everything that a card tells of a model. */
export interface Facts {
  /** In the order in which they were said; clients are shown it. */
  readonly abilities: ReadonlyMap<Capability, Fact<boolean>>;
  /** Tokens. */
  readonly contextLength: Fact<number>;
  readonly embeddingLength: Fact<number> | undefined;
  readonly architecture: Fact<string>;
  readonly parameterSize: Fact<string>;
  readonly parameterCount: Fact<number> | undefined;
  readonly quantization: Fact<string>;
  readonly format: Fact<string>;
  readonly license: Fact<string>;
  /** Bytes. */
  readonly size: Fact<number>;
  /** RFC 3339. */
  readonly modifiedAt: Fact<string>;
}

/** What the configuration says of a model. */
export interface ConfiguredFacts {
  readonly capabilities?: readonly Capability[] | undefined;
  /** What a virtual model can do besides; it says nothing of the others. */
  readonly added?: readonly Capability[] | undefined;
  readonly context_length?: number | undefined;
}

interface Defaults {
  readonly contextLength: number;
  readonly modifiedAt: string;
}

/** What a model of which nothing is known is taken to do; it is never refused anything. */
const presumed: readonly Capability[] = ["completion", "tools", "thinking"];

export function gatherFacts(
  entry: ModelEntry,
  configured: ConfiguredFacts,
  defaults: Defaults,
): Facts {
  const names = entry.madeFrom === undefined ? [entry.id] : [entry.id, entry.madeFrom];
  const family = firstOf(names.map(familyOf));
  const size = told(parameterSizeOf(entry)) ?? named(firstOf(names.map(sizeInName)));
  const count = told(entry.parameterCount) ?? counted(size);
  return {
    abilities: gatherAbilities(configured, entry.abilities, family),
    contextLength:
      fact("configuration", configured.context_length) ??
      told(entry.contextLength) ??
      usual(family, family?.contextLength) ??
      byDefault(defaults.contextLength),
    embeddingLength: told(entry.embeddingLength) ?? usual(family, family?.embeddingLength),
    architecture: told(entry.family) ?? usual(family, family?.architecture) ?? byDefault("unknown"),
    parameterSize: size ?? byDefault("unknown"),
    parameterCount: count,
    quantization:
      told(entry.quantization) ??
      named(firstOf(names.map(quantizationInName))) ??
      byDefault("unknown"),
    format: told(entry.format) ?? byDefault("gguf"),
    license: told(entry.license) ?? byDefault("unknown"),
    // Half a byte for each parameter, as of the quantization that is most in use.
    size: told(entry.size) ?? byDefault(Math.ceil((count?.value ?? 1) / 2)),
    modifiedAt: told(dateOf(entry)) ?? byDefault(defaults.modifiedAt),
  };
}

/** Each by itself, for a backend may say of one ability only. */
function gatherAbilities(
  { capabilities: configured, added = [] }: ConfiguredFacts,
  said: Abilities | undefined,
  family: Family | undefined,
): Facts["abilities"] {
  const gather = (capability: Capability): Fact<boolean> =>
    fact("configuration", added.includes(capability) || undefined) ??
    fact("configuration", configured?.includes(capability)) ??
    told(said?.[capability]) ??
    usual(family, family?.capabilities.includes(capability)) ??
    byDefault(presumed.includes(capability));
  const order = new Set([
    ...(configured ?? []),
    ...added,
    ...Object.keys(said ?? {}),
    ...capabilities,
  ]);
  const gathered = new Map([...order].filter(isCapability).map((name) => [name, gather(name)]));
  const isOfUse = [...gathered.values()].some(({ value }) => value);
  return isOfUse ? gathered : gathered.set("completion", byDefault(true));
}

function fact<Value>(source: FactSource, value: Value | undefined): Fact<Value> | undefined {
  return value === undefined ? undefined : { value, source };
}

function told<Value>(value: Value | undefined): Fact<Value> | undefined {
  return fact("backend", value);
}

function usual<Value>(
  family: Family | undefined,
  value: Value | undefined,
): Fact<Value> | undefined {
  if (family === undefined || value === undefined) return undefined;
  return { value, source: "family", documented: family.source };
}

/** Read from the model's name. */
function named<Value>(value: Value | undefined): Fact<Value> | undefined {
  return value === undefined ? undefined : { value, source: "family", documented: "its name" };
}

function byDefault<Value>(value: Value): Fact<Value> {
  return { value, source: "default" };
}

function counted(size: Fact<string> | undefined): Fact<number> | undefined {
  const value = size && parameterCount(size.value);
  return size && value !== undefined ? { ...size, value } : undefined;
}

function parameterSizeOf({ parameterSize, parameterCount: count }: ModelEntry): string | undefined {
  return parameterSize ?? (count === undefined ? undefined : shortCount(count));
}

function dateOf({ created }: ModelEntry): string | undefined {
  return created === undefined ? undefined : new Date(created * 1000).toISOString();
}

function firstOf<Value>(values: readonly (Value | undefined)[]): Value | undefined {
  return values.find((value) => value !== undefined);
}
