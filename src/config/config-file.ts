import { dirname, resolve } from "node:path";
import { isMap, LineCounter, parseDocument, type Document } from "yaml";
import { ConfigError } from "./config-error.ts";
import type { Environment } from "./environment.ts";
import type { SourceFiles } from "./source-files.ts";

/** The keys that lead to a setting, from the top of the file. */
export type SettingPath = readonly PropertyKey[];

/** A configuration file, before anybody has looked at what its settings mean. */
export interface ParsedFile {
  readonly path: string;
  readonly values: Record<string, unknown>;
  /** `FILE:LINE: SETTING` */
  readonly placeOf: (setting: SettingPath) => string;
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
  const placeOf = (setting: SettingPath) => {
    const line = lineOfNode(document, lineCounter, setting);
    return `${path}${line === undefined ? "" : `:${line}`}: ${settingName(setting)}`;
  };
  const sources: Sources = {
    variable: (name) => environment[name],
    file: (named, where) => files.read(besideFile(path, named), where),
  };
  const values = mapTexts(document.toJS() ?? {}, (text, setting) =>
    filled(text, sources, () => placeOf(setting)),
  );
  return { path, placeOf, values: values as Record<string, unknown> };
}

export function settingName(setting: SettingPath): string {
  return setting.map(String).join(".");
}

/** Where a file that the configuration file names is: sought from the folder of that. */
export function besideFile(path: string, named: string): string {
  return resolve(dirname(path), named);
}

/** The line of the node at a path, or of the nearest node above it. */
function lineOfNode(
  document: Document,
  lineCounter: LineCounter,
  keys: SettingPath,
): number | undefined {
  for (let length = keys.length; length > 0; length -= 1) {
    const node = document.getIn(keys.slice(0, length), true) as { range?: [number] } | undefined;
    if (node?.range !== undefined) return lineCounter.linePos(node.range[0]).line;
  }
  return undefined;
}

/** What placeholders stand for. */
interface Sources {
  readonly variable: (name: string) => string | undefined;
  /** @param where the first words of the error when it can't be read */
  readonly file: (path: string, where: string) => string;
}

/**
 * `${NAME}` stands for a variable and `${file:PATH}` for what is in a file, so that no key need be in
 * the configuration. What is put in is not looked into.
 */
function filled(text: string, sources: Sources, place: () => string): string {
  return text.replace(
    /\$\{(?:file:([^}]+)|([A-Za-z_][A-Za-z0-9_]*))\}/g,
    (placeholder, file: string | undefined, variable = "") => {
      if (file !== undefined) return sources.file(file.trim(), `${place()}: ${placeholder}`).trim();
      const found = sources.variable(variable);
      if (found !== undefined) return found;
      throw new ConfigError(`${place()}: ${placeholder} is not set in the environment`);
    },
  );
}

/** The same value with each text in it, at whatever depth, turned into another. */
function mapTexts(
  value: unknown,
  turn: (text: string, setting: SettingPath) => string,
  setting: SettingPath = [],
): unknown {
  if (typeof value === "string") return turn(value, setting);
  if (Array.isArray(value)) {
    return value.map((item, place) => mapTexts(item, turn, [...setting, place]));
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, mapTexts(item, turn, [...setting, key])]),
  );
}
