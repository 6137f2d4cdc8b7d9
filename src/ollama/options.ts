import { invalidRequest } from "../errors.ts";

/** Ollama's runner and sampling options (its `api.Options`), and the type each must have. */
const optionTypes = {
  num_keep: "integer",
  seed: "integer",
  num_predict: "integer",
  top_k: "integer",
  top_p: "float32",
  min_p: "float32",
  typical_p: "float32",
  repeat_last_n: "integer",
  temperature: "float32",
  repeat_penalty: "float32",
  presence_penalty: "float32",
  frequency_penalty: "float32",
  stop: "array",
  num_ctx: "integer",
  num_batch: "integer",
  num_gpu: "integer",
  main_gpu: "integer",
  num_thread: "integer",
  draft_num_predict: "integer",
  use_mmap: "boolean",
} as const;

export type OptionName = keyof typeof optionTypes;

export const optionNames = Object.keys(optionTypes) as [OptionName, ...OptionName[]];

type OptionValue<Name extends OptionName> = (typeof optionTypes)[Name] extends "array"
  ? readonly string[]
  : (typeof optionTypes)[Name] extends "boolean"
    ? boolean
    : number;

/** The options a client set, each of its right type; `unknown` names those Ollama does not have. */
export interface Options {
  readonly known: { readonly [Name in OptionName]?: OptionValue<Name> };
  readonly unknown: readonly string[];
}

export const noOptions: Options = { known: {}, unknown: [] };

/**
 * Checks options as real Ollama does: `null` is absence, unknown names are kept aside, a fraction
 * given for an integer is cut.
 * @throws ProxyError 400 with Ollama's text (Ollama itself answers 500).
 */
export function parseOptions(raw: Readonly<Record<string, unknown>>): Options {
  const known: Record<string, unknown> = {};
  const unknown: string[] = [];
  for (const [name, value] of Object.entries(raw)) {
    if (value === null) continue;
    if (!Object.hasOwn(optionTypes, name)) unknown.push(name);
    else known[name] = checkOption(name, optionTypes[name as OptionName], value);
  }
  return { known, unknown };
}

function checkOption(
  name: string,
  type: (typeof optionTypes)[OptionName],
  value: unknown,
): unknown {
  switch (type) {
    case "integer":
      if (typeof value === "number") return Math.trunc(value);
      break;
    case "float32":
      if (typeof value === "number") return value;
      break;
    case "boolean":
      if (typeof value === "boolean") return value;
      break;
    case "array":
      if (!Array.isArray(value)) break;
      if (value.every((item) => typeof item === "string")) return value;
      throw invalidRequest(`option "${name}" must be of an array of strings`);
  }
  throw invalidRequest(`option "${name}" must be of type ${type}`);
}
