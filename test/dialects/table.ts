import { features } from "./features.ts";
import { backendNames } from "./players/players.ts";
import type { Verdict } from "./verdict.ts";

const begin = "<!-- dialect table -->";
const end = "<!-- /dialect table -->";

const symbols: Readonly<Record<Verdict, string>> = {
  works: "✓",
  approximated: "≈",
  ignored: "–",
  refused: "✗",
};

const introduction = `What becomes of a feature at each kind of backend, by its name in the configuration. \`npm run docs\`
writes these tables: every feature is asked of the proxy in front of a server that plays the backend,
with a model that can do what the backend can.

✓ works · ≈ approximated · – ignored, and named in \`x-proxy-ignored\` · ✗ refused with the reason`;

/** What became of one feature at one backend; undefined: what may not be. */
export type VerdictOf = (backend: string, feature: string) => Verdict | undefined;

/** The page with its tables written anew. */
export function withTables(page: string, verdictOf: VerdictOf): string {
  const [before, rest] = page.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`the page lacks ${begin}`);
  return [before, begin, "\n\n", tables(verdictOf), "\n", end, after].join("");
}

function tables(verdictOf: VerdictOf): string {
  const groups = Object.entries(features).map(([group, members]) => {
    const rows = backendNames.map((backend) => [
      `\`${backend}\``,
      ...members.map(({ name }) => {
        const verdict = verdictOf(backend, name);
        return verdict === undefined ? "?" : symbols[verdict];
      }),
    ]);
    return `### ${group}\n\n${table(["backend", ...members.map(({ name }) => name)], rows)}`;
  });
  return [introduction, "", ...groups].join("\n");
}

/** As the formatter writes tables: columns as wide as their widest cell. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) =>
    Math.max(3, ...[head, ...rows].map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, column) => (cells[column] ?? "").padEnd(width)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line), ""].join(
    "\n",
  );
}
