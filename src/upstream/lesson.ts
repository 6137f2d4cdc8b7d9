import type { Dialect, DialectOverrides, ThinkValue } from "../dialects/dialect.ts";
import type { JsonObject } from "../openai/json.ts";

/** What a refusal taught: a correction of the dialect, and what it is in words. */
export interface Lesson {
  readonly overrides: DialectOverrides;
  readonly what: string;
  /** It holds for the one request: what was refused is this value, or only beside another field. */
  readonly once?: true;
}

/** What was asked, and refused. */
export interface Attempt {
  readonly path: string;
  readonly body: JsonObject;
  readonly dialect: Dialect;
  readonly think: ThinkValue | undefined;
  /** Whether `format` is a schema, if there is one. */
  readonly format: "json" | "schema" | undefined;
}

/** A refusal, as the rules read it. */
export interface Complaint {
  readonly attempt: Attempt;
  readonly text: string;
  /** Fields of the body that the refusal names. */
  readonly fields: readonly string[];
}

/** One thing that can be learned. The first of the table that applies is tried. */
export type Rule = (complaint: Complaint) => Lesson | undefined;

/** Some options no longer sent; undefined where none of them was. */
export function withoutOptions(
  dialect: Dialect,
  names: readonly string[],
  what: string,
): Lesson | undefined {
  const kept = Object.entries(dialect.options).map(
    ([option, wireNames]) => [option, wireNames.filter((name) => !names.includes(name))] as const,
  );
  const unchanged = kept.every(([, left], index) => {
    return left.length === Object.values(dialect.options)[index]?.length;
  });
  return unchanged ? undefined : { overrides: { options: Object.fromEntries(kept) }, what };
}
