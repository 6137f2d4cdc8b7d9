import { parseJson } from "./json.ts";

/** As Python prints what JSON has no word for. */
const nonNumbers = /-?\b(?:NaN|Infinity)\b/g;

/** JSON, in which a number that is none counts as null. */
export function parseLoosely(text: string): unknown {
  const parsed = parseJson(text);
  if (parsed !== undefined) return parsed;
  const mended = outsideStrings(text, (part) => part.replace(nonNumbers, "null"));
  return mended === text ? undefined : parseJson(mended);
}

/**
 * The texts of JSON values that stand one after the other where one was expected: in lines without
 * blank lines between them, or glued together with `data:` or nothing between. A rest that is no
 * whole value comes last, as it is.
 */
export function splitValues(text: string): string[] {
  const values: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') at = endOfString(text, at) - 1;
    else if (character === "{" || character === "[") depth += 1;
    else if (character === "}" || character === "]") {
      depth -= 1;
      if (depth !== 0) continue;
      values.push(withoutField(text.slice(from, at + 1)));
      from = at + 1;
    }
  }
  const rest = withoutField(text.slice(from));
  return rest === "" ? values : [...values, rest];
}

function withoutField(text: string): string {
  return text.replace(/^\s*data:/, "").trim();
}

function outsideStrings(text: string, change: (part: string) => string): string {
  const parts: string[] = [];
  let from = 0;
  while (from < text.length) {
    const quote = text.indexOf('"', from);
    const start = quote < 0 ? text.length : quote;
    const end = endOfString(text, start);
    parts.push(change(text.slice(from, start)), text.slice(start, end));
    from = end;
  }
  return parts.join("");
}

/** Behind the closing quote; the text's end where there is none. */
function endOfString(text: string, quote: number): number {
  let at = quote + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return Math.min(at + 1, text.length);
}
