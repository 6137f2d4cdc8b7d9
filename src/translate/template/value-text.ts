import type { Dictionary, List, Structure, Value } from "./values.ts";

/** As Go's `fmt` prints it with `%v`. */
export function toText(value: Value): string {
  if (value === null) return "<nil>";
  if (typeof value === "number") return floatText(value);
  return typeof value === "object" ? compositeText(value) : String(value);
}

function compositeText(value: List | Dictionary | Structure): string {
  if (value.printing === "json") return toJson(value);
  if (value.kind === "structure") {
    return `{${value.fields.map((field) => toText(field.value)).join(" ")}}`;
  }
  if (value.kind === "dictionary") {
    return `map[${[...value.entries].map(([key, item]) => `${key}:${toText(item)}`).join(" ")}]`;
  }
  const texts = value.items.map(toText);
  return value.printing === "lone" && texts.length < 2 ? texts.join("") : `[${texts.join(" ")}]`;
}

/** As `%g`: with an exponent, of two digits or more, below 1e-4 and from 1e6 on. */
function floatText(value: number): string {
  const [mantissa = "", exponent = "0"] = value.toExponential().split("e");
  const power = Number(exponent);
  if (value === 0 || (power >= -4 && power < 6)) return String(value);
  return `${mantissa}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

/** As Go's `encoding/json` writes it. */
export function toJson(value: Value): string {
  if (typeof value === "string") return jsonString(value);
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (value.kind === "list") {
    const items = value.items.map(toJson);
    return value.printing === "lone" && items.length === 1 ? items.join("") : `[${items.join()}]`;
  }
  const members: (readonly [string, Value])[] =
    value.kind === "dictionary"
      ? [...value.entries]
      : value.fields.filter((field) => !field.omitted).map(({ key, value: item }) => [key, item]);
  return `{${members.map(([key, item]) => `${jsonString(key)}:${toJson(item)}`).join()}}`;
}

/** Go escapes what would be special in HTML or end a line of JavaScript. */
function jsonString(text: string): string {
  return JSON.stringify(text.toWellFormed()).replaceAll(/[<>&\u2028\u2029]/g, escapeUnit);
}

const shortEscapes: ReadonlyMap<string, string> = new Map([
  ['"', String.raw`\"`],
  ["\\", String.raw`\\`],
  ["\u0007", String.raw`\a`],
  ["\b", String.raw`\b`],
  ["\f", String.raw`\f`],
  ["\n", String.raw`\n`],
  ["\r", String.raw`\r`],
  ["\t", String.raw`\t`],
  ["\v", String.raw`\v`],
]);

/** A string literal of Go, for `%q`. */
export function toQuoted(text: string): string {
  return `"${text.replaceAll(/["\\]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, escapeCharacter)}"`;
}

function escapeCharacter(character: string): string {
  const short = shortEscapes.get(character);
  if (short !== undefined) return short;
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80) return String.raw`\x${code.toString(16).padStart(2, "0")}`;
  return code > 0xffff
    ? String.raw`\U${code.toString(16).padStart(8, "0")}`
    : escapeUnit(character);
}

function escapeUnit(character: string): string {
  return String.raw`\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
