import { readFileSync } from "node:fs";
import { isMap, LineCounter, parseDocument, type Document } from "yaml";
import type { z } from "zod";
import { readEnvironment, type Environment } from "./environment.ts";
import { configSchema, type Config, type ConfigFile } from "./schema.ts";

/** A configuration that can't be used; the message tells the user where and what. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

interface ParsedFile {
  readonly path: string;
  readonly values: Record<string, unknown>;
  readonly lineOf: (path: readonly PropertyKey[]) => number | undefined;
}

export interface ConfigSources {
  /** A YAML file, read when named. */
  readonly file?: string;
  readonly environment: Environment;
  /** What the command line says; wins over all. */
  readonly flags?: ConfigFile;
  /** What to call the source of a backend that no file describes. */
  readonly backendSource?: string;
}

/**
 * Flags over environment over file over defaults, checked as a whole.
 * @throws ConfigError that names file, line and field, or the variable.
 */
export function loadConfig({
  file,
  environment,
  flags = {},
  backendSource,
}: ConfigSources): Config {
  const parsedFile = file === undefined ? undefined : readConfigFile(file, environment);
  const { values, sources } = readEnvironment(environment);
  const merged = merge(merge(parsedFile?.values ?? {}, values), flags);
  const result = configSchema.safeParse(merged);
  if (result.success) return result.data;
  const named = new Map(sources);
  if (backendSource !== undefined) named.set("upstreams.0.base_url", backendSource);
  const lines = result.error.issues.map((issue) => describe(issue, parsedFile, named));
  throw new ConfigError(lines.join("\n"));
}

function readConfigFile(path: string, environment: Environment): ParsedFile {
  const lineCounter = new LineCounter();
  const document = parseDocument(readText(path), { lineCounter });
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
  return { path, lineOf, values: substitute(values, environment, path) as Record<string, unknown> };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new ConfigError(`${path}: can't be read (${code === "ENOENT" ? "no such file" : code})`);
  }
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

/** `${NAME}` in a value of the file stands for a variable, so that no key need be in the file. */
function substitute(value: unknown, environment: Environment, path: string): unknown {
  if (typeof value === "string") {
    return value.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name: string) => {
      const found = environment[name];
      if (found === undefined)
        throw new ConfigError(`${path}: \${${name}} is not set in the environment`);
      return found;
    });
  }
  if (Array.isArray(value)) return value.map((item) => substitute(item, environment, path));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, substitute(item, environment, path)]),
  );
}

/** The second over the first; sections are merged, everything else is replaced. */
function merge(base: object, over: object): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const existing = merged[key];
    merged[key] = isSection(existing) && isSection(value) ? merge(existing, value) : value;
  }
  return merged;
}

function isSection(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function describe(
  issue: z.core.$ZodIssue,
  file: ParsedFile | undefined,
  sources: ReadonlyMap<string, string>,
): string {
  const unknownKey = issue.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const path = unknownKey === undefined ? issue.path : [...issue.path, unknownKey];
  const field = path.map(String).join(".");
  const message =
    unknownKey === undefined
      ? issue.message.replace("Invalid input: ", "")
      : "there is no such setting";
  const variable = sources.get(field);
  if (variable !== undefined) return `${variable}: ${message}`;
  if (file === undefined) return `${field}: ${message}`;
  const line = file.lineOf(path);
  return `${file.path}${line === undefined ? "" : `:${line}`}: ${field}: ${message}`;
}
