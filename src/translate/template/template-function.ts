import type { ProxyError } from "../../errors.ts";
import type { Value } from "./values.ts";

/** What a function may ask of the run that calls it. */
export interface Caller {
  error(message: string): ProxyError;
  /** Counts the characters of a text against the work that the template may make; returns it. */
  charge(text: string): string;
}

export interface TemplateFunction {
  /** How many arguments, at least and at most. */
  readonly takes: readonly [least: number, most: number];
  /** Arguments are evaluated as they are asked for: `and` and `or` stop early. */
  call(args: Iterable<Value>, caller: Caller): Value;
}
