import type { Dialect } from "./dialect.ts";

/** Ollama's levels of thinking. */
const levels = ["low", "medium", "high", "max"] as const;

type Think = Dialect["think"];
type Level = (typeof levels)[number];
type Levels = { readonly [Name in Level]: string };
type Fields = Readonly<Record<string, unknown>>;

/** Most backends know no `max`. */
const usualLevels: Levels = { low: "low", medium: "medium", high: "high", max: "high" };

/** Variables of the chat template; a level is told beside them as `reasoning_effort`. */
export function templateThinking(variables: readonly string[]): Think {
  return switchedThinking(
    (on) => templateVariables(variables, on),
    (level) => ({ reasoning_effort: usualLevels[level] }),
  );
}

/** Variables of the chat template, a level among them; as Ollama itself asks llama.cpp. */
export function templateLevelThinking(variables: readonly string[]): Think {
  return switchedThinking(
    (on) => templateVariables(variables, on),
    (level) => templateVariables(variables, true, { reasoning_effort: usualLevels[level] }),
  );
}

/** Switches that a chat template reads, each set alike. */
export function templateVariables(
  variables: readonly string[],
  on: boolean,
  others: Fields = {},
): Fields {
  const switches = Object.fromEntries(variables.map((variable) => [variable, on]));
  return { chat_template_kwargs: { ...switches, ...others } };
}

/**
 * `reasoning_effort` alone.
 * @param plain the efforts that mean plain on and off; a missing one can't be said
 */
export function effortThinking(
  plain: { readonly on?: string; readonly off?: string },
  names: Levels = usualLevels,
): Think {
  return {
    ...(plain.on === undefined ? {} : { true: { reasoning_effort: plain.on } }),
    ...(plain.off === undefined ? {} : { false: { reasoning_effort: plain.off } }),
    ...eachLevel((level) => ({ reasoning_effort: names[level] })),
  };
}

/**
 * A switch that is on or off, and for each level on.
 * @param amount what says the level, if anything does
 */
export function switchedThinking(
  switched: (on: boolean) => Fields,
  amount: (level: Level) => Fields = () => ({}),
): Think {
  return {
    true: switched(true),
    false: switched(false),
    ...eachLevel((level) => ({ ...switched(true), ...amount(level) })),
  };
}

/** `thinking: {type}`, the switch of DeepSeek, Kimi and GLM. */
export function thinkingType(on: boolean): Fields {
  return { thinking: { type: on ? "enabled" : "disabled" } };
}

/** A row for each level. */
export function eachLevel(fields: (level: Level) => Fields): Partial<Think> {
  return Object.fromEntries(levels.map((level) => [level, fields(level)]));
}
