/** The kinds of cells in the tables that `ollama list` and `ollama ps` print. */
const cellKinds: [RegExp, string][] = [
  [/^[\w.:/-]+:[\w.-]+$/, "<name>"],
  [/^[0-9a-f]{12}$/, "<id>"],
  [/^\d+(?:\.\d+)? [KMGT]?B$/, "<size>"],
  [/^(?:\d+%(?:\/\d+%)? (?:CPU\/GPU|CPU|GPU))$/, "<processor>"],
  [/^\d+$/, "<number>"],
  [/^(?:.+ (?:ago|from now)|Forever)$/, "<when>"],
];

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const controlSequence = /\u001b(?:\[[0-9;?]*[A-Za-z]|\][^\u0007\u001b]*(?:\u0007|\u001b\\))/g;

/** A table with each value replaced by its kind, and rows that then look the same named once. */
export function maskTable(text: string): string[][] {
  const rows = plainLines(text).map((line) => line.trimEnd().split(/ {2,}/).map(maskCell));
  const seen = new Set<string>();
  return rows.filter((row) => {
    const key = row.join("|");
    return !seen.has(key) && seen.add(key);
  });
}

function maskCell(cell: string): string {
  return cellKinds.find(([pattern]) => pattern.test(cell))?.[1] ?? cell;
}

/** The spinner, colours and cursor moves say nothing; blank lines neither. */
export function plainLines(text: string): string[] {
  return text
    .replace(controlSequence, "")
    .replaceAll(/[\u2800-\u28ff]/gu, "")
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "");
}

/** What stands before the values in the lines of `--verbose`. */
export function statisticLabels(text: string): string[] {
  return plainLines(text).flatMap((line) => {
    const label = /^(?<label>[a-z ]+):\s+\d/.exec(line.trim())?.groups?.["label"];
    // Whether a part of the prompt was still known to the model is not for us to say.
    return label === undefined || label === "prompt eval cached" ? [] : [label];
  });
}

/**
 * The text as it was before the command line wrapped it: at the right edge it has moved back over
 * the word it was printing (ESC [ n D), cleared the rest, and begun the word again on the next line.
 */
export function unwrap(text: string): string {
  const [first = "", ...rest] = text.split("\u001b[K\n");
  return rest.reduce((whole, line) => {
    // oxlint-disable-next-line no-control-regex -- as above
    const back = /\u001b\[(?<width>\d+)D$/.exec(whole);
    if (back === null) return whole + line;
    const end = back.index - Number(back.groups?.["width"]);
    return whole.slice(0, end) + line;
  }, first);
}
