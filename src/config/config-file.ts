import { dirname, resolve } from "node:path";
import { isMap, LineCounter, parseDocument, type Document } from "yaml";
import { ConfigError } from "./config-error.ts";
import type { Environment } from "./environment.ts";
import type { SourceFiles } from "./source-files.ts";

/** A configuration file, before anybody has looked at what its settings mean. */
export interface ParsedFile {
  readonly path: string;
  readonly values: Record<string, unknown>;
  readonly lineOf: (path: readonly PropertyKey[]) => number | undefined;
}

/** @throws ConfigError for what is no YAML, or names a variable or a file that there is not. */
export function readConfigFile(
  path: string,
  environment: Environment,
  files: SourceFiles,
): ParsedFile {
  const lineCounter = new LineCounter();
  const document = parseDocument(files.read(path), { lineCounter });
  const problem = document.errors[0];
  if (problem !== undefined) {
    const line = lineCounter.linePos(problem.pos[0]).line;
    throw new ConfigError(`${path}:${line}: ${problem.message.split("\n")[0]}`);
  }
  if (document.contents !== null && !isMap(document.contents)) {
    throw new ConfigError(`${path}: expected a mapping of settings`);
  }
  const lineOf = (keys: readonly PropertyKey[]) => lineOfNode(document, lineCounter, keys);
  const values = (document.toJS() ?? {}) as Record<string, unknown>;
  const fill = (text: string) => filled(text, path, environment, files);
  return { path, lineOf, values: mapTexts(values, fill) as Record<string, unknown> };
}

/** Where a file that the configuration file names is: sought from the folder of that. */
export function besideFile(path: string, named: string): string {
  return resolve(dirname(path), named);
}

/** The line of the node at a path, or of the nearest node above it. */
function lineOfNode(
  document: Document,
  lineCounter: LineCounter,
  keys: readonly PropertyKey[],
): number | undefined {
  for (let length = keys.length; length > 0; length -= 1) {
    const node = document.getIn(keys.slice(0, length), true) as { range?: [number] } | undefined;
    if (node?.range !== undefined) return lineCounter.linePos(node.range[0]).line;
  }
  return undefined;
}

/**
 * `${NAME}` stands for a variable and `${file:PATH}` for what is in a file, so that no key need be in
 * the configuration. What is put in is not looked into.
 */
function filled(text: string, path: string, environment: Environment, files: SourceFiles): string {
  return text.replace(
    /\$\{(?:file:([^}]+)|([A-Za-z_][A-Za-z0-9_]*))\}/g,
    (placeholder, file: string | undefined, variable = "") => {
      if (file !== undefined) {
        return files.read(besideFile(path, file.trim()), `${path}: ${placeholder}`).trim();
      }
      const found = environment[variable];
      if (found === undefined) {
        throw new ConfigError(`${path}: ${placeholder} is not set in the environment`);
      }
      return found;
    },
  );
}

/** The same value with each text in it, at whatever depth, turned into another. */
function mapTexts(value: unknown, turn: (text: string) => string): unknown {
  if (typeof value === "string") return turn(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, turn));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, mapTexts(item, turn)]),
  );
}
