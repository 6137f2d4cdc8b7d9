import type { OptionName } from "../ollama/options.ts";

/**
 * How one family of backends differs from the core of OpenAI's API, as data. Later families are more
 * records, not more branches.
 */
export interface Dialect {
  readonly id: string;
  /** Ollama's option → the fields that carry it; an option without an entry is not sent. */
  readonly options: { readonly [Name in OptionName]?: readonly string[] };
  /** Template variables that switch thinking on and off; none: a plain boolean can't be told. */
  readonly thinkingVariables: readonly string[];
  /** Whether a level of thinking is sent as `reasoning_effort`. */
  readonly reasoningEffort: boolean;
}
