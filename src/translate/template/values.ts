/**
 * A value inside a template. Go keeps whole numbers and floating ones apart, so here its `int` is a
 * bigint and its `float64` a number; nil is `null`.
 */
export type Value = null | boolean | bigint | number | string | List | Dictionary | Structure;

/** How a value of several parts prints, where that isn't Go's own way. */
export type Printing = "json" | "lone";

export interface List {
  readonly kind: "list";
  readonly type: string;
  readonly items: readonly Value[];
  /** `lone`: a list of one prints as that one. */
  readonly printing?: Printing;
}

/** A map of Go: a key that is not there is nil. */
export interface Dictionary {
  readonly kind: "dictionary";
  readonly type: string;
  /** In the order in which they are told. */
  readonly entries: ReadonlyMap<string, Value>;
  readonly printing?: Printing;
}

/** A struct of Go: a field that is not there is an error. */
export interface Structure {
  readonly kind: "structure";
  readonly type: string;
  readonly fields: readonly Field[];
  readonly printing?: Printing;
}

export interface Field {
  readonly name: string;
  /** Its name in JSON. */
  readonly key: string;
  readonly value: Value;
  /** Whether JSON leaves it out. */
  readonly omitted: boolean;
}

export function listOf(items: readonly Value[], type = "[]interface {}"): List {
  return { kind: "list", type, items };
}

/** Go tells the entries of a map by the order of their keys. */
export function dictionaryOf(entries: Iterable<readonly [string, Value]>): Dictionary {
  const sorted = [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return { kind: "dictionary", type: "map[string]interface {}", entries: new Map(sorted) };
}

/** A struct whose fields have the same names in JSON. */
export function structureOf(type: string, fields: Readonly<Record<string, Value>>): Structure {
  const members = Object.entries(fields);
  return {
    kind: "structure",
    type,
    fields: members.map(([name, value]) => ({ name, key: name, value, omitted: false })),
  };
}

/** What Go makes of JSON whose shape it does not know. */
export function fromJson(json: unknown): Value {
  if (typeof json === "string" || typeof json === "boolean" || typeof json === "number") {
    return json;
  }
  if (Array.isArray(json)) return listOf(json.map(fromJson));
  if (typeof json !== "object" || json === null) return null;
  return dictionaryOf(Object.entries(json).map(([key, value]) => [key, fromJson(value)]));
}

/** The field or entry of that name; undefined where the value can have none. */
export function memberOf(value: Value, name: string): Value | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (value.kind === "dictionary") return value.entries.get(name) ?? null;
  if (value.kind === "structure") return value.fields.find((field) => field.name === name)?.value;
  return undefined;
}

/** Go's truth: whatever is not the zero of its type, or empty. */
export function isTrue(value: Value): boolean {
  if (typeof value !== "object" || value === null) return Boolean(value);
  if (value.kind === "list") return value.items.length > 0;
  if (value.kind === "dictionary") return value.entries.size > 0;
  return true;
}

/** The name of its type, for messages. */
export function typeOf(value: Exclude<Value, null>): string {
  if (typeof value === "object") return value.type;
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return "float64";
  return typeof value === "boolean" ? "bool" : "string";
}
