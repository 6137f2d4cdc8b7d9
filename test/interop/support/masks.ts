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

/** The values that no two servers share; names and numbers stay. */
const ownKinds = new Set(["<id>", "<size>", "<processor>", "<when>"]);

function maskOwnCell(cell: string): string {
  const kind = maskCell(cell);
  return ownKinds.has(kind) ? kind : cell;
}

/**
 * What a command prints of models that it has made, without what is the base's or the server's own:
 * ids, sizes, dates, digests, the facts of the base. How wide a column is depends on these.
 */
export function maskOwn(text: string): string[] {
  const lines = plainLines(text).filter((line) => !remark.test(line));
  const card = maskCard(
    lines.map((line) => {
      const [, indent = "", rest = ""] = /^( *)(.*?) *$/.exec(line) ?? [];
      return (indent + rest.split(/ {2,}/).map(maskOwnCell).join("  "))
        .replace(/\bsha256:[0-9a-f]{64}\b/, "<digest>")
        .replace(/^FROM \S+$/, "FROM <base>");
    }),
  );
  const settings = sortRuns(card, (line) => setting.test(line));
  return settings.filter((line, i) => !layer.test(line) || settings.indexOf(line) === i);
}

/** A comment in a Modelfile that isn't one of the three that every server writes. */
const remark = /^# (?!Modelfile generated|To build a new|FROM )/;

/** Told once for each part of a model; how many there are is the server's own. */
const layer = / layer <digest>$/;

/** In a Modelfile, in a card and alone. */
const setting = /^(?:PARAMETER | {4}|)(?:num_ctx|num_predict|seed|stop|temperature) /;

/** Of `ollama show`: values under Model, and what stands under Metadata and Tensors, are the base's. */
function maskCard(lines: readonly string[]): string[] {
  let section = "";
  return lines.flatMap((line) => {
    const isHeading = /^ {2}\S/.test(line);
    if (isHeading) section = line.trim();
    if (section === "Tensors") return []; // only a server with the weights knows them
    if (isHeading) return [line];
    if (section === "Metadata") return [];
    return section === "Model"
      ? [line.replace(/^(?<label> +.+?) {2}.*$/, "$<label>  <value>")]
      : [line];
  });
}

/** Ollama's order of settings is chance. */
function sortRuns(lines: readonly string[], isOfRun: (line: string) => boolean): string[] {
  const start = lines.findIndex(isOfRun);
  if (start < 0) return [...lines];
  const rest = lines.slice(start);
  const length = rest.findIndex((line) => !isOfRun(line));
  const end = length < 0 ? lines.length : start + length;
  return [...lines.slice(0, start), ...lines.slice(start, end).toSorted(), ...lines.slice(end)];
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
