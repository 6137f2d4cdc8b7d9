import { X509Certificate } from "node:crypto";
import type { z } from "zod";
import { ConfigError } from "./config-error.ts";
import {
  besideFile,
  readConfigFile,
  settingName,
  type ParsedFile,
  type SettingPath,
} from "./config-file.ts";
import { readEnvironment, type Environment } from "./environment.ts";
import { configSchema, type Config, type ConfigFile } from "./schema.ts";
import { SourceFiles } from "./source-files.ts";

export interface ConfigSources {
  /** A YAML file, read when named. */
  readonly file?: string;
  readonly environment: Environment;
  /** What the command line says; wins over all. */
  readonly flags?: ConfigFile;
  /** What to call the source of a backend that no file describes. */
  readonly backendSource?: string;
  /** Remembers what was read, also of a configuration that turns out to be wrong. */
  readonly files?: SourceFiles;
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
  files = new SourceFiles(),
}: ConfigSources): Config {
  const parsedFile = file === undefined ? undefined : readConfigFile(file, environment, files);
  const { values, sources } = readEnvironment(environment);
  const merged = merge(merge(parsedFile?.values ?? {}, values), flags);
  const result = configSchema.safeParse(merged);
  if (result.success) return withCertificates(result.data, parsedFile, files);
  const named = new Map(sources);
  if (backendSource !== undefined) named.set("upstreams.0.base_url", backendSource);
  const lines = result.error.issues.map((issue) => describe(issue, parsedFile, named));
  throw new ConfigError(lines.join("\n"));
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

/** Certificates are looked at now: a backend that nobody can reach is found out much later. */
function withCertificates(
  config: Config,
  file: ParsedFile | undefined,
  files: SourceFiles,
): Config {
  const upstreams = config.upstreams.map((upstream, place) => {
    if (upstream.ca_file === undefined) return upstream;
    const path = besideFile(file?.path ?? "", upstream.ca_file);
    const setting = placeOf(["upstreams", place, "ca_file"], file);
    const text = files.read(path, `${setting}: ${upstream.ca_file}`);
    if (!isCertificate(text)) {
      throw new ConfigError(`${setting}: ${upstream.ca_file}: holds no certificate as PEM`);
    }
    return { ...upstream, ca_file: path };
  });
  return { ...config, upstreams };
}

function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).subject !== "";
  } catch {
    return false;
  }
}

function describe(
  issue: z.core.$ZodIssue,
  file: ParsedFile | undefined,
  sources: ReadonlyMap<string, string>,
): string {
  const unknownKey = issue.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const path = unknownKey === undefined ? issue.path : [...issue.path, unknownKey];
  const message =
    unknownKey === undefined
      ? issue.message.replace("Invalid input: ", "")
      : "there is no such setting";
  return `${sources.get(settingName(path)) ?? placeOf(path, file)}: ${message}`;
}

/** With file and line where there are any. */
function placeOf(setting: SettingPath, file: ParsedFile | undefined): string {
  return file === undefined ? settingName(setting) : file.placeOf(setting);
}
