const escapes: ReadonlyMap<string, string> = new Map([
  ["a", "\u0007"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["v", "\v"],
  ["\\", "\\"],
  ['"', '"'],
]);

const escape = /\\(?:x([0-7][\da-fA-F])|([01][0-7]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([^]))/gu;

/** The text of a string of Go, quoted or raw; undefined for an escape it does not know. */
export function unquote(literal: string): string | undefined {
  const inner = literal.slice(1, -1);
  if (literal.startsWith("`")) return inner.replaceAll("\r", "");
  let valid = true;
  const text = inner.replaceAll(escape, (_, ...groups: (string | undefined)[]) => {
    const character = unescape(groups);
    if (character === undefined) valid = false;
    return character ?? "";
  });
  return valid ? text : undefined;
}

function unescape(groups: readonly (string | undefined)[]): string | undefined {
  const [hex, octal, short, long, letter] = groups;
  if (letter !== undefined) return escapes.get(letter);
  const digits = hex ?? short ?? long;
  const code = digits === undefined ? parseInt(octal ?? "", 8) : parseInt(digits, 16);
  return code > 0x10ffff || (code >= 0xd800 && code < 0xe000)
    ? undefined
    : String.fromCodePoint(code);
}

const largestInt = 2n ** 63n - 1n;

/** An `int` or a `float64`; undefined where Go's would overflow. */
export function parseNumber(literal: string): bigint | number | undefined {
  if (/[.eE]/.test(literal)) {
    const float = Number(literal);
    return Number.isFinite(float) ? float : undefined;
  }
  if (literal.length > 20) return undefined;
  const int = BigInt(literal);
  return int > largestInt || int < -largestInt - 1n ? undefined : int;
}
