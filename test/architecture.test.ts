import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseSource, readSourceFiles, root, type SourceFile } from "./support/source-files.ts";

interface Layer {
  /** A file of src/, or a folder with everything in it. */
  name: string;
  /** The layers it may import; "below" means every row further down. */
  imports: "below" | string[];
  /** The only layers that may import it, where that isn't for the rows above to say. */
  importedBy?: string[];
}

/**
 * The architecture, top to bottom: imports run down this table, never up and never in a circle.
 * The way of a request comes first; from server/ on it is the ground, which knows nothing of it.
 */
const layers: Layer[] = [
  { name: "main.ts", imports: "below" },
  { name: "cli/", imports: "below" },
  // The embedded backend is a backend like any other: it is reached over HTTP.
  { name: "demo/", imports: [], importedBy: ["cli/"] },
  { name: "app.ts", imports: "below" },
  { name: "generation-switch.ts", imports: "below" },
  { name: "generation.ts", imports: "below" },
  { name: "routes.ts", imports: "below" },
  { name: "handlers/", imports: "below" },
  { name: "inference/", imports: "below" },
  { name: "routing/", imports: "below" },
  { name: "models/", imports: "below" },
  { name: "upstream/", imports: "below" },

  { name: "server/", imports: ["observe/", "errors.ts"] },
  { name: "config/", imports: ["dialects/", "ollama/", "errors.ts"] },
  { name: "translate/", imports: ["dialects/", "ollama/", "openai/", "errors.ts"] },
  { name: "dialects/", imports: ["ollama/", "errors.ts"] },
  { name: "ollama/", imports: ["errors.ts"] },
  { name: "openai/", imports: ["errors.ts"] },
  { name: "observe/", imports: ["errors.ts"] },
  { name: "errors.ts", imports: [] },
];

/** Values in, values out: no socket, clock, logger or randomness. Time and ids are passed in. */
const pureLayers = ["translate/", "dialects/", "ollama/", "openai/"];

/** The packages that pure code may import; zod validates, the others are types of the wires. */
const purePackages = ["zod", "ollama", "openai"];

/** The `node:` modules that one pure file may import. */
const pureNodeModules: Record<string, string[]> = {
  "translate/context.ts": ["node:zlib"], // compresses the conversation held in `context`
};

const impureCode =
  /\b(?:Date\.now|new Date\(|Math\.random|performance\.|set(?:Timeout|Interval|Immediate)\b|process\.|crypto\.|console\.|fetch\()/;

const maxLines = 300;

/** Files that may be longer, each with its own limit and, in a comment, the reason. */
const longerFiles: Record<string, number> = {};

/** Names that say nothing about what is inside. */
const emptyNames = ["common", "helper", "helpers", "index", "manager", "service", "util", "utils"];

const files = readSourceFiles();

const manifest: { dependencies: Record<string, string> } = JSON.parse(readText("package.json"));
const dependencies = Object.keys(manifest.dependencies);

describe("imports", () => {
  test("every file is in a layer, and every imported file exists", () => {
    const paths = files.map(({ path }) => path);
    expect(paths).toContain("main.ts");
    expect(paths.filter((path) => layerOf(path) === undefined)).toEqual([]);
    expect(files.flatMap(({ imports }) => imports).filter((path) => !paths.includes(path))).toEqual(
      [],
    );
  });

  test("run down the table of layers", () => {
    expect(files.flatMap(findForbiddenImports)).toEqual([]);
  });

  test("make no circle", () => {
    expect(findCycle(files)).toBeUndefined();
  });

  test("name at run time only modules of Node and the declared dependencies", () => {
    expect(files.flatMap(findUndeclaredPackages)).toEqual([]);
  });
});

describe("code", () => {
  test("of the pure layers has no socket, clock, logger or randomness", () => {
    expect(files.flatMap(findImpurities)).toEqual([]);
  });

  test("names process in main.ts only", () => {
    expect(files.filter(namesProcess).map(({ path }) => path)).toEqual(["main.ts"]);
  });

  test(`has at most ${maxLines} lines a file, blank lines and comments aside`, () => {
    const tooLong = files.filter(
      ({ path, lineCount }) => lineCount > (longerFiles[path] ?? maxLines),
    );
    expect(tooLong.map(({ path, lineCount }) => `${path}: ${lineCount}`)).toEqual([]);
  });

  test("is in files whose names say what is inside", () => {
    expect(files.map(({ path }) => path).filter(hasEmptyName)).toEqual([]);
  });

  test("has no default export and no export *", () => {
    expect(files.filter(hasNamelessExport).map(({ path }) => path)).toEqual([]);
  });
});

describe("dependencies at run time", () => {
  test("have each a decision record that names them", () => {
    const records = readdirSync(join(root, "docs/decisions"))
      .filter((name) => name.endsWith(".md"))
      .map((name) => readText(join("docs/decisions", name)))
      .join("\n");
    const isNamed = (name: string) =>
      new RegExp(String.raw`(?<![\w@/-])${name}(?![\w/-])`, "i").test(records);
    expect(dependencies.filter((name) => !isNamed(name))).toEqual([]);
  });

  test("have no install script anywhere in their tree", () => {
    const lock: { packages: Record<string, { dev?: boolean; hasInstallScript?: boolean }> } =
      JSON.parse(readText("package-lock.json"));
    const installed = Object.entries(lock.packages).filter(
      ([path, { dev }]) => path !== "" && dev !== true,
    );
    expect(installed.length).toBeGreaterThanOrEqual(dependencies.length);
    expect(installed.filter(([, { hasInstallScript }]) => hasInstallScript === true)).toEqual([]);
  });
});

describe("the checks themselves", () => {
  test("see every kind of import, and none in a comment or a string", () => {
    const { imports, externals } = source(
      "handlers/chat.ts",
      'import { a } from "../errors.ts";',
      "import {",
      "  b,",
      "  type C,",
      '} from "./b.ts";',
      'import type { D } from "../ollama/requests.ts";',
      'export { e } from "./e.ts";',
      'import * as zlib from "node:zlib";',
      'import type OpenAI from "openai";',
      'import "./effect.ts";',
      'const later = await import("./later.ts");',
      '// import { no } from "./comment.ts";',
      '/* import { no } from "./comment.ts"; */',
      'const pattern = /["`]/; const text = "// not a comment"; import("./after-pattern.ts");',
      "const template = `import(${text})`;",
    );
    expect(imports).toEqual([
      "errors.ts",
      "handlers/b.ts",
      "ollama/requests.ts",
      "handlers/e.ts",
      "handlers/effect.ts",
      "handlers/later.ts",
      "handlers/after-pattern.ts",
    ]);
    expect(externals).toEqual([
      { name: "node:zlib", typeOnly: false },
      { name: "openai", typeOnly: true },
    ]);
  });

  test.for<[path: string, imported: string, allowed: boolean]>([
    ["handlers/chat.ts", "../errors.ts", true],
    ["handlers/chat.ts", "./generate.ts", true],
    ["handlers/chat.ts", "../routes.ts", false],
    ["upstream/client.ts", "../inference/complete.ts", false],
    ["translate/messages.ts", "../openai/requests.ts", true],
    ["translate/messages.ts", "../config/schema.ts", false],
    ["openai/requests.ts", "../ollama/requests.ts", false],
    ["config/schema.ts", "../dialects/dialect.ts", true],
    ["server/guard.ts", "../observe/logger.ts", true],
    ["observe/logger.ts", "../server/guard.ts", false],
    ["cli/serve.ts", "../demo/backend.ts", true],
    ["main.ts", "./demo/backend.ts", false],
    ["demo/backend.ts", "../errors.ts", false],
  ])("judge that %s importing %s is allowed: %s", ([path, imported, allowed]) => {
    const violations = findForbiddenImports(source(path, `import { x } from "${imported}";`));
    expect(violations.length).toBe(allowed ? 0 : 1);
  });

  test("find a circle, also one of type imports", () => {
    const circle = [
      source("a.ts", 'import { b } from "./b.ts";'),
      source("b.ts", 'import type { C } from "./c.ts";'),
      source("c.ts", 'import { b } from "./b.ts";'),
    ];
    expect(findCycle(circle)).toEqual(["b.ts", "c.ts", "b.ts"]);
    expect(findCycle(circle.slice(0, 2))).toBeUndefined();
  });

  test.for([
    "const now = Date.now();",
    "const now = new Date();",
    "const id = crypto.randomUUID();",
    "setTimeout(next, 5);",
    'import { readFileSync } from "node:fs";',
    'import { Agent } from "undici";',
  ])("find the impurity in: %s", (line) => {
    expect(findImpurities(source("translate/messages.ts", line))).toHaveLength(1);
    expect(findImpurities(source("upstream/client.ts", line))).toEqual([]);
  });

  test("find no impurity in a comment, a string or an allowed module", () => {
    const pure = source(
      "translate/context.ts",
      'import { deflateRawSync } from "node:zlib";',
      "// Date.now() is passed in",
      'const text = "see performance.md";',
    );
    expect(findImpurities(pure)).toEqual([]);
  });

  test.for<[line: string, found: boolean]>([
    ["const code = process.exitCode;", true],
    ["const { env } = globalThis.process;", true],
    ['import { env } from "node:process";', true],
    ["const count = status.process;", false],
    ["const row = { process: 1 };", false],
    ["// the process ends", false],
  ])("look for process in: %s", ([line, found]) => {
    expect(namesProcess(source("config/load.ts", line))).toBe(found);
  });

  test("find a package that is not a declared dependency", () => {
    const lines = ['import ky from "ky";', 'import type { X } from "ollama";', 'import "undici";'];
    expect(findUndeclaredPackages(source("upstream/client.ts", ...lines))).toEqual([
      "upstream/client.ts imports ky",
    ]);
  });

  test("count lines without blank ones and comments", () => {
    expect(
      source("a.ts", "// one", "", "/*", " two", "*/", "const a = 1; // three").lineCount,
    ).toBe(1);
  });

  test.for<[path: string, empty: boolean]>([
    ["server/utils.ts", true],
    ["server/string-helpers.ts", true],
    ["server/index.ts", true],
    ["server/serverHost.ts", true],
    ["server/stream-writer.ts", false],
  ])("judge the name %s", ([path, empty]) => {
    expect(hasEmptyName(path)).toBe(empty);
  });

  test.for<[line: string, found: boolean]>([
    ["export default function chat() {}", true],
    ["export { chat as default };", true],
    ['export * from "./chat.ts";', true],
    ["export const defaults = 1;", false],
  ])("look for a nameless export in: %s", ([line, found]) => {
    expect(hasNamelessExport(source("a.ts", line))).toBe(found);
  });
});

function source(path: string, ...lines: string[]): SourceFile {
  return parseSource(path, lines.join("\n"));
}

function layerOf(path: string): Layer | undefined {
  return layers.find(({ name }) => (name.endsWith("/") ? path.startsWith(name) : path === name));
}

function findForbiddenImports({ path, imports }: SourceFile): string[] {
  return imports
    .filter((imported) => !mayImport(layerOf(path), layerOf(imported)))
    .map((imported) => `${path} imports ${imported}`);
}

function mayImport(from: Layer | undefined, to: Layer | undefined): boolean {
  if (from === undefined || to === undefined) return false;
  if (from === to) return true;
  if (to.importedBy !== undefined && !to.importedBy.includes(from.name)) return false;
  if (layers.indexOf(to) < layers.indexOf(from)) return false;
  return from.imports === "below" || from.imports.includes(to.name);
}

/** The files of one circle of imports, the first again at the end. */
function findCycle(sources: SourceFile[]): string[] | undefined {
  const importsOf = new Map(sources.map(({ path, imports }) => [path, imports]));
  const finished = new Set<string>();

  const visit = (path: string, trail: string[]): string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (finished.has(path)) return undefined;
    for (const imported of importsOf.get(path) ?? []) {
      const cycle = visit(imported, [...trail, path]);
      if (cycle !== undefined) return cycle;
    }
    finished.add(path);
    return undefined;
  };

  for (const { path } of sources) {
    const cycle = visit(path, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

function findUndeclaredPackages({ path, externals }: SourceFile): string[] {
  return externals
    .filter(({ name, typeOnly }) => !typeOnly && !name.startsWith("node:"))
    .filter(({ name }) => !dependencies.includes(packageOf(name)))
    .map(({ name }) => `${path} imports ${name}`);
}

function findImpurities({ path, externals, code }: SourceFile): string[] {
  if (!pureLayers.includes(layerOf(path)?.name ?? "")) return [];
  const allowedModules = pureNodeModules[path] ?? [];
  const imports = externals
    .map(({ name }) => name)
    .filter((name) => !purePackages.includes(packageOf(name)) && !allowedModules.includes(name))
    .map((name) => `${path} imports ${name}`);
  const lines = code
    .split("\n")
    .filter((line) => impureCode.test(line))
    .map((line) => `${path}: ${line.trim()}`);
  return [...imports, ...lines];
}

/** The global or the module, not a member or a key that happens to have that name. */
function namesProcess({ code, externals }: SourceFile): boolean {
  return (
    /(?:(?<![.\w$])|\bglobalThis\.)process\b(?!\??\s*:)/.test(code) ||
    externals.some(({ name }) => name === "node:process")
  );
}

function hasEmptyName(path: string): boolean {
  const name = basename(path, ".ts");
  const isKebabCase = /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name);
  return !isKebabCase || name.split("-").some((word) => emptyNames.includes(word));
}

function hasNamelessExport({ code }: SourceFile): boolean {
  return /^\s*export\s+(?:default\b|\*|\{[^}]*\bas\s+default\b)/m.test(code);
}

/** `@scope/name/path` is in the package `@scope/name`. */
function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

function readText(path: string): string {
  return readFileSync(join(root, path), "utf8");
}
