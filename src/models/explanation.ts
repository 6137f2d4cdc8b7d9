import { isGuess, type Fact, type Facts } from "./facts.ts";

/** One fact of a card, and who says so. */
export interface Explanation {
  readonly fact: string;
  readonly value: string | number | boolean;
  readonly source: string;
}

export function explain(facts: Facts): readonly Explanation[] {
  return namedFacts(facts).map(([name, fact]) => {
    return { fact: name, value: fact.value, source: sourceText(fact) };
  });
}

/**
 * Members of `model_info` that say where a fact is from: a client's user is to see what is a guess.
 * No name holds `context_length`, which clients search all names for.
 * @param all also of the facts that are no guesses
 */
export function sources(facts: Facts, all: boolean): Readonly<Record<string, string>> {
  const shown = namedFacts(facts).filter(([, fact]) => fact.value !== false);
  return Object.fromEntries(
    shown
      .filter(([, fact]) => all || isGuess(fact))
      .map(([name, fact]) => [`proxy.source.${name.replaceAll(" ", "_")}`, sourceText(fact)]),
  );
}

function namedFacts(facts: Facts): readonly (readonly [string, Fact<string | number | boolean>])[] {
  const { parameterCount, embeddingLength } = facts;
  return [
    ...facts.abilities,
    ["context window", facts.contextLength],
    ...(embeddingLength === undefined ? [] : [["embedding size", embeddingLength] as const]),
    ["architecture", facts.architecture],
    ["parameter size", facts.parameterSize],
    ...(parameterCount === undefined ? [] : [["parameter count", parameterCount] as const]),
    ["quantization", facts.quantization],
    ["format", facts.format],
    ["size", facts.size],
    ["license", facts.license],
    ["modified", facts.modifiedAt],
  ];
}

function sourceText({ source, documented }: Fact<unknown>): string {
  return documented === undefined ? source : `${source}: ${documented}`;
}
