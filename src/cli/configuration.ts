import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import type { Environment } from "../config/environment.ts";
import { loadConfig } from "../config/load.ts";
import type { Config, ConfigFile } from "../config/schema.ts";
import { SourceFiles } from "../config/source-files.ts";
import { chooseBackend, type BackendChoice } from "./backend.ts";

const folder = "ollama-openai-proxy";
const defaultFile = "./ollama-openai-proxy.yaml";

export interface ConfigurationOptions {
  readonly config?: string;
  readonly listen?: string;
}

/** The whole configuration, with at least one backend. */
interface Configured extends Pick<BackendChoice, "because" | "demo"> {
  readonly config: Config;
}

/** What the options, the environment and the file say. @throws ConfigError in words for the user */
export async function configure(
  options: ConfigurationOptions,
  environment: Environment,
): Promise<Configured> {
  return new Configuration(options, environment).read();
}

/** The same, for as often as it may be read. */
export class Configuration {
  readonly #options: ConfigurationOptions;
  readonly #environment: Environment;
  /** Of what was read last, whether it was any good or not. */
  #files = new SourceFiles();
  /** A file that was there once may not be missing later. */
  #file: string | undefined;
  /** A backend that no file names is looked for once: reading again must not change it. */
  #choice: Promise<BackendChoice> | undefined;

  constructor(options: ConfigurationOptions, environment: Environment) {
    this.#options = options;
    this.#environment = environment;
  }

  get files(): SourceFiles {
    return this.#files;
  }

  /** @throws ConfigError in words for the user */
  async read(): Promise<Configured> {
    const environment = this.#environment;
    const { config: named = environment["PROXY_CONFIG"], listen } = this.#options;
    this.#file ??= named ?? (existsSync(defaultFile) ? defaultFile : undefined);
    this.#files = new SourceFiles();
    const file = this.#file;
    const sources = {
      environment,
      files: this.#files,
      ...(file === undefined ? {} : { file }),
    };
    const flags: ConfigFile = listen === undefined ? {} : { listen };
    const defaults = { data_dir: dataDirectory(environment) };
    const config = { ...defaults, ...loadConfig({ ...sources, flags }) };
    if (config.upstreams.length > 0) return { config, because: file ?? "configured" };
    this.#choice ??= chooseBackend(environment);
    const { upstreams, ...choice } = await this.#choice;
    const withBackend = loadConfig({
      ...sources,
      flags: { ...flags, upstreams: [...upstreams] },
      backendSource: choice.because,
    });
    return { config: { ...defaults, ...withBackend }, ...choice };
  }
}

/** By the XDG rules; undefined for a user without a home, whose models then live in memory. */
function dataDirectory(environment: Environment): string | undefined {
  const { XDG_DATA_HOME: data, HOME: home } = environment;
  if (data !== undefined && isAbsolute(data)) return join(data, folder);
  return home === undefined || home === "" ? undefined : join(home, ".local", "share", folder);
}
