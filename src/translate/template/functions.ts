import type { ProxyError } from "../../errors.ts";
import { formatText } from "./printf.ts";
import type { Caller, TemplateFunction } from "./template-function.ts";
import { toJson, toText } from "./value-text.ts";
import { isTrue, memberOf, typeOf, type Value } from "./values.ts";

/** What day it is; pure code has no clock. `YYYY-MM-DD`. */
export interface Dates {
  readonly currentDate: string;
  readonly yesterdayDate: string;
}

/** Those of Go's text/template that chat templates use, and Ollama's own. */
export function templateFunctions(dates: Dates): ReadonlyMap<string, TemplateFunction> {
  return new Map([
    ...builtIns,
    // Ollama takes a format, and does not heed it.
    ["currentDate", { takes: [0, Infinity], call: () => dates.currentDate }],
    ["yesterdayDate", { takes: [0, Infinity], call: () => dates.yesterdayDate }],
  ]);
}

const builtIns: readonly (readonly [string, TemplateFunction])[] = [
  ["and", { takes: [1, Infinity], call: (args) => firstThat(args, (value) => !isTrue(value)) }],
  ["or", { takes: [1, Infinity], call: (args) => firstThat(args, isTrue) }],
  ["not", unary((value) => !isTrue(value))],
  ["eq", { takes: [1, Infinity], call: equalsAny }],
  ["ne", binary((a, b, caller) => !equals(a, b, caller))],
  ["lt", binary(isLess)],
  ["le", binary((a, b, caller) => isLess(a, b, caller) || equals(a, b, caller))],
  ["gt", binary((a, b, caller) => !isLess(a, b, caller) && !equals(a, b, caller))],
  ["ge", binary((a, b, caller) => !isLess(a, b, caller))],
  ["len", unary(lengthOf)],
  ["index", { takes: [1, Infinity], call: indexInto }],
  ["slice", { takes: [1, 3], call: sliceOf }],
  ["print", { takes: [0, Infinity], call: print }],
  ["println", { takes: [0, Infinity], call: printLine }],
  ["printf", { takes: [1, Infinity], call: printFormatted }],
  ["json", unary(toJson)],
  ["toTypeScriptType", unary(typeScriptType)],
];

function unary(call: (value: Value, caller: Caller) => Value): TemplateFunction {
  return {
    takes: [1, 1],
    call: (args, caller) => {
      const [value = null] = args;
      return call(value, caller);
    },
  };
}

function binary(call: (a: Value, b: Value, caller: Caller) => Value): TemplateFunction {
  return {
    takes: [2, 2],
    call: (args, caller) => {
      const [a = null, b = null] = args;
      return call(a, b, caller);
    },
  };
}

/** The first such argument, else the last. */
function firstThat(args: Iterable<Value>, decides: (value: Value) => boolean): Value {
  let last: Value = null;
  for (const value of args) {
    last = value;
    if (decides(value)) break;
  }
  return last;
}

function equalsAny(args: Iterable<Value>, caller: Caller): Value {
  const [first = null, ...others] = args;
  if (others.length === 0) throw caller.error("missing argument for comparison");
  return others.some((other) => equals(first, other, caller));
}

function equals(a: Value, b: Value, caller: Caller): boolean {
  if (a === null || b === null) return a === b;
  if (typeof a !== typeof b) throw incompatible(a, b, caller);
  if (typeof a === "object" && a.kind !== "structure") {
    throw caller.error(`non-comparable type ${typeOf(a)}`);
  }
  return a === b;
}

function isLess(a: Value, b: Value, caller: Caller): boolean {
  if (!isOrdered(a) || !isOrdered(b)) throw caller.error("invalid type for comparison");
  if (typeof a !== typeof b) throw incompatible(a, b, caller);
  return a < b;
}

function isOrdered(value: Value): value is bigint | number | string {
  return typeof value === "bigint" || typeof value === "number" || typeof value === "string";
}

function incompatible(
  a: Exclude<Value, null>,
  b: Exclude<Value, null>,
  caller: Caller,
): ProxyError {
  return caller.error(`incompatible types for comparison: ${typeOf(a)} and ${typeOf(b)}`);
}

/** Of a string in bytes of UTF-8. */
function lengthOf(value: Value, caller: Caller): bigint {
  if (typeof value === "string") return BigInt(Buffer.byteLength(value));
  if (value === null) throw caller.error("len of nil pointer");
  if (typeof value === "object" && value.kind === "list") return BigInt(value.items.length);
  if (typeof value === "object" && value.kind === "dictionary") return BigInt(value.entries.size);
  throw caller.error(`len of type ${typeOf(value)}`);
}

function indexInto(args: Iterable<Value>, caller: Caller): Value {
  const [start = null, ...indexes] = args;
  if (start === null) throw caller.error("index of untyped nil");
  return indexes.reduce<Value>((value, index) => itemAt(value, index, caller), start);
}

function itemAt(value: Value, index: Value, caller: Caller): Value {
  if (value === null) throw caller.error("index of nil pointer");
  if (typeof value === "string") {
    const bytes = Buffer.from(value);
    return BigInt(bytes[position(index, bytes.length - 1, caller)] ?? 0);
  }
  if (typeof value === "object" && value.kind === "list") {
    return value.items[position(index, value.items.length - 1, caller)] ?? null;
  }
  if (typeof value !== "object" || value.kind !== "dictionary") {
    throw caller.error(`can't index item of type ${typeOf(value)}`);
  }
  if (typeof index === "string") return value.entries.get(index) ?? null;
  throw caller.error(
    index === null
      ? "value is nil; should be of type string"
      : `value has type ${typeOf(index)}; should be string`,
  );
}

function position(index: Value, last: number, caller: Caller): number {
  if (typeof index !== "bigint") {
    const what = index === null ? "nil" : `type ${typeOf(index)}`;
    throw caller.error(`cannot index slice/array with ${what}`);
  }
  if (index < 0n || index > BigInt(last)) throw caller.error(`index out of range: ${index}`);
  return Number(index);
}

/** Strings are cut by bytes of UTF-8. */
function sliceOf(args: Iterable<Value>, caller: Caller): Value {
  const [value = null, from = 0n, to] = args;
  if (value === null) throw caller.error("slice of untyped nil");
  if (typeof value === "string") {
    const bytes = Buffer.from(value);
    return bytes.subarray(...bounds(from, to, bytes.length, caller)).toString();
  }
  if (typeof value !== "object" || value.kind !== "list") {
    throw caller.error(`can't slice item of type ${typeOf(value)}`);
  }
  return { ...value, items: value.items.slice(...bounds(from, to, value.items.length, caller)) };
}

function bounds(
  from: Value,
  to: Value | undefined,
  length: number,
  caller: Caller,
): [start: number, end: number] {
  const start = position(from, length, caller);
  const end = to === undefined ? length : position(to, length, caller);
  if (start > end) throw caller.error(`invalid slice index: ${start} > ${end}`);
  return [start, end];
}

/** With a space between two that are both no strings. */
function print(args: Iterable<Value>, caller: Caller): string {
  let text = "";
  let previous: Value | undefined = "";
  for (const value of args) {
    const apart = typeof previous !== "string" && typeof value !== "string";
    text += (apart ? " " : "") + caller.charge(toText(value));
    previous = value;
  }
  return text;
}

function printLine(args: Iterable<Value>, caller: Caller): string {
  return `${Array.from(args, (value) => caller.charge(toText(value))).join(" ")}\n`;
}

function printFormatted(args: Iterable<Value>, caller: Caller): string {
  const [format = null, ...values] = args;
  if (typeof format !== "string") throw caller.error("expected a string as format");
  return formatText(format, values, caller);
}

const typeScriptTypes: ReadonlyMap<Value, string> = new Map([
  ["string", "string"],
  ["number", "number"],
  ["integer", "number"],
  ["boolean", "boolean"],
  ["array", "any[]"],
  ["object", "Record<string, any>"],
  ["null", "null"],
]);

/** Ollama's: of a property of a tool's parameters. */
function typeScriptType(property: Value): string {
  const alternatives = itemsOf(memberOf(property, "AnyOf")).map(typeScriptType);
  const types = itemsOf(memberOf(property, "Type")).map((type) => typeScriptTypes.get(type));
  const names = alternatives.length > 0 ? alternatives : types;
  return names.map((name) => name ?? "any").join(" | ") || "any";
}

function itemsOf(value: Value | undefined): readonly Value[] {
  return typeof value === "object" && value?.kind === "list" ? value.items : [];
}
