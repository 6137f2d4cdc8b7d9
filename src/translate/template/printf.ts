import type { Caller } from "./template-function.ts";
import { toQuoted, toText } from "./value-text.ts";
import { typeOf, type Value } from "./values.ts";

/** A verb's text of a value, undefined for one of the wrong type. */
type Verb = (value: Value, precision: number | undefined) => string | undefined;

const verbs: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  ["v", toText],
  ["s", (value, precision) => cut(asString(value), precision)],
  ["q", (value, precision) => quote(cut(asString(value), precision))],
  ["d", (value) => (typeof value === "bigint" ? String(value) : undefined)],
  ["t", (value) => (typeof value === "boolean" ? String(value) : undefined)],
  ["f", (value, digits = 6) => (typeof value === "number" ? value.toFixed(digits) : undefined)],
]);

const directive = /%([-0]*)(\d{0,3})(?:\.(\d{0,2}))?([^]?)/gu;

/** Go's `fmt.Sprintf`, with the verbs that templates use; faults are told in the text, as in Go. */
export function formatText(format: string, values: readonly Value[], caller: Caller): string {
  let used = 0;
  const text = format.replaceAll(
    directive,
    (_, flags: string, width: string, precision: string | undefined, name: string) => {
      if (name === "%") return "%";
      const verb = verbs.get(name);
      if (verb === undefined) throw caller.error(`%${name} is not supported`);
      const value = values[used];
      used += 1;
      if (value === undefined) return `%!${name}(MISSING)`;
      const digits = precision === undefined ? undefined : Number(precision);
      const made = caller.charge(verb(value, digits) ?? `%!${name}(${told(value)})`);
      return pad(made, flags, Number(width));
    },
  );
  const extra = values.slice(used).map((value) => caller.charge(told(value)));
  return extra.length === 0 ? text : `${text}%!(EXTRA ${extra.join(", ")})`;
}

function asString(value: Value): string | undefined {
  return typeof value === "string" || (typeof value === "object" && value !== null)
    ? toText(value)
    : undefined;
}

function cut(text: string | undefined, precision: number | undefined): string | undefined {
  return precision === undefined || text === undefined
    ? text
    : Array.from(text).slice(0, precision).join("");
}

function quote(text: string | undefined): string | undefined {
  return text === undefined ? undefined : toQuoted(text);
}

/** Flags and width as one pads a number or a text. */
function pad(text: string, flags: string, width: number): string {
  if (text.length >= width * 2) return text;
  const gap = Math.max(0, width - Array.from(text).length);
  if (flags.includes("-")) return text + " ".repeat(gap);
  if (!flags.includes("0")) return " ".repeat(gap) + text;
  const sign = /^[+-]?/.exec(text)?.[0] ?? "";
  return sign + "0".repeat(gap) + text.slice(sign.length);
}

function told(value: Value): string {
  return value === null ? "<nil>" : `${typeOf(value)}=${toText(value)}`;
}
