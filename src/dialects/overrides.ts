import { z } from "zod";
import { dialectFields, type Dialect, type DialectOverrides } from "./dialect.ts";

const { ranges, think } = dialectFields.shape;

/** What the configuration may correct: any field, and single rows of those that are tables. */
export const overrideFields = dialectFields
  .extend({
    ranges: z
      .record(ranges.keyType, ranges.valueType.nullable())
      .describe(`${ranges.description} \`null\`: any value.`),
    think: z
      .partialRecord(z.enum(think.keyType.options), think.valueType.nullable())
      .describe(
        `${think.description} \`null\` takes an entry away, \`{}\` says that no field is needed.`,
      ),
  })
  .partial();

type Tables = Pick<Dialect, "options" | "ranges" | "think">;

/** Corrections of a dialect from the configuration; `null` takes a row of a table away. */
export type ConfiguredOverrides = Omit<DialectOverrides, keyof Tables> & {
  readonly [Name in keyof Tables]?: Rows<Tables[Name]>;
};

type Rows<Table> = { readonly [Key in keyof Table]: Table[Key] | null };

/** The dialect with these corrections: tables row by row, all else field by field. */
export function corrected(dialect: Dialect, overrides: ConfiguredOverrides = {}): Dialect {
  return {
    ...dialect,
    ...overrides,
    options: laidOver(dialect.options, overrides.options),
    ranges: laidOver(dialect.ranges, overrides.ranges),
    think: laidOver(dialect.think, overrides.think),
  };
}

function laidOver<Table extends object>(table: Table, rows: Rows<Table> | undefined): Table {
  const all = Object.entries({ ...table, ...rows });
  return Object.fromEntries(all.filter(([, row]) => row !== null)) as Table;
}
