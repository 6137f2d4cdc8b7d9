import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** One file of src/, as far as the architecture test cares. */
export interface SourceFile {
  /** Relative to src/, with forward slashes. */
  path: string;
  /** The files of src/ it imports, as paths of the same kind; type imports count too. */
  imports: string[];
  /** The packages and `node:` modules it imports. */
  externals: External[];
  /** Without comments and without the contents of strings, so that only code is left to look at. */
  code: string;
  /** Lines that are neither blank nor comment. */
  lineCount: number;
}

interface External {
  name: string;
  typeOnly: boolean;
}

export function readSourceFiles(): SourceFile[] {
  const folder = join(root, "src");
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) =>
      parseSource(name.replaceAll("\\", "/"), readFileSync(join(folder, name), "utf8")),
    );
}

export function parseSource(path: string, text: string): SourceFile {
  const withoutComments = text.replace(tokens, (token) => (isComment(token) ? " " : token));
  const specifiers = findImports(withoutComments);
  return {
    path,
    imports: specifiers
      .filter(isLocal)
      .map(({ name }) => posix.normalize(posix.join(posix.dirname(path), name))),
    externals: specifiers.filter((specifier) => !isLocal(specifier)),
    code: withoutComments.replace(tokens, (token) => (isPlainString(token) ? '""' : token)),
    lineCount: withoutComments.split("\n").filter((line) => line.trim() !== "").length,
  };
}

/** The tokens that may hold a quote or a slash which means nothing: comments, strings, patterns. */
const tokens = new RegExp(
  [
    String.raw`/\*[\s\S]*?\*/`,
    String.raw`//[^\n]*`,
    String.raw`"(?:\\.|[^"\\\n])*"`,
    String.raw`'(?:\\.|[^'\\\n])*'`,
    String.raw`\x60(?:\\[\s\S]|[^\x60\\])*\x60`,
    // A pattern literal, told from a division by what stands before it.
    String.raw`(?<=(?:^|[=(,:!&|?[{;}>]|return)\s*)/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+/`,
  ].join("|"),
  "g",
);

const isLocal = ({ name }: External) => name.startsWith(".");
const isComment = (token: string) => token.startsWith("//") || token.startsWith("/*");
const isPlainString = (token: string) => token.startsWith('"') || token.startsWith("'");

function findImports(text: string): External[] {
  const patterns = [
    // import … from "x", export … from "x", import "x"
    /^\s*(?:import|export)\s+(?<type>type\s)?(?:[\w$*{},\s]*?\sfrom\s+)?["'](?<name>[^"']+)["']/gm,
    // import("x"), as a call and inside a type
    /\bimport\(\s*["'](?<name>[^"']+)["']/g,
  ];
  return patterns.flatMap((pattern) =>
    [...text.matchAll(pattern)].map(({ groups }) => ({
      name: groups?.["name"] ?? "",
      typeOnly: groups?.["type"] !== undefined,
    })),
  );
}
