import type { Capability } from "../ollama/responses.ts";

/**
 * What the makers publish of well-known models: enough to show, but a guess, since a name may be
 * anything and a backend may serve a model with less than it was made for.
 */
export interface Family {
  /** Found in the last part of an id, in lower case, at the start of a word. */
  readonly id: RegExp;
  /** As Ollama names it; where Ollama has no such models, the product. */
  readonly architecture: string | undefined;
  /** Tokens; none where the makers' pages differ over what the id does not tell apart. */
  readonly contextLength: number | undefined;
  readonly embeddingLength?: number;
  readonly capabilities: readonly Capability[];
  /** Where it is documented. */
  readonly source: string;
}

/** Any row of a table by the page that it is from. */
export type BySource<Row> = Readonly<Record<string, readonly Row[]>>;

/** @param read what one row says; its pattern is to begin where a word does */
export function familiesOf<Row extends readonly [id: RegExp, ...unknown[]]>(
  table: BySource<Row>,
  read: (row: Row) => Omit<Family, "id" | "source">,
): readonly Family[] {
  return Object.entries(table).flatMap(([source, rows]) =>
    rows.map((row) => {
      const id = new RegExp(`(?<![a-z0-9])(?:${row[0].source})`);
      return { id, source, ...read(row) };
    }),
  );
}
