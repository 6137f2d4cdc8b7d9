import { stripVTControlCharacters } from "node:util";

/** Between two columns. */
const gap = "  ";

/**
 * Rows in columns that are as wide as they need to be, but not wider than `limits`: what is longer
 * goes on in the next line.
 */
export function columns(
  given: readonly (readonly string[])[],
  limits: readonly number[],
): string[] {
  const rows = given.map((row) => row.map(printable));
  const widths = limits.map((limit, column) =>
    Math.min(limit, Math.max(0, ...rows.map((row) => row[column]?.length ?? 0))),
  );
  return rows.flatMap((row) => {
    const cells = widths.map((width, column) => wrap(row[column] ?? "", width));
    const height = Math.max(...cells.map((lines) => lines.length));
    return Array.from({ length: height }, (_, line) =>
      cells
        .map((lines, column) => (lines[line] ?? "").padEnd(widths[column] ?? 0))
        .join(gap)
        .trimEnd(),
    );
  });
}

/** Lines of at most this width, broken at spaces, or where a long name has a mark. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ").flatMap((part) => chop(part, width))) {
    const longer = `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && longer.length <= width) lines.splice(-1, 1, longer);
    else lines.push(word);
  }
  return lines;
}

function chop(word: string, width: number): string[] {
  if (word.length <= width || width < 1) return [word];
  const mark = Math.max(...["/", ":", ".", "_", "-"].map((at) => word.lastIndexOf(at, width - 1)));
  const end = mark > 0 ? mark + 1 : width;
  return [word.slice(0, end), ...chop(word.slice(end), width)];
}

/** Names and texts are the backend's own, and a terminal obeys escape sequences. */
export function printable(text: string): string {
  return stripVTControlCharacters(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ");
}
