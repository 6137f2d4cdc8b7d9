import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import type { Environment } from "../config/environment.ts";
import { loadConfig } from "../config/load.ts";
import type { Config, ConfigFile } from "../config/schema.ts";
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
  const file =
    options.config ??
    environment["PROXY_CONFIG"] ??
    (existsSync(defaultFile) ? defaultFile : undefined);
  const sources = { environment, ...(file === undefined ? {} : { file }) };
  const flags: ConfigFile = options.listen === undefined ? {} : { listen: options.listen };
  const defaults = { data_dir: dataDirectory(environment) };
  const config = { ...defaults, ...loadConfig({ ...sources, flags }) };
  if (config.upstreams.length > 0) return { config, because: file ?? "configured" };
  const { upstreams, ...choice } = await chooseBackend(environment);
  const withBackend = loadConfig({
    ...sources,
    flags: { ...flags, upstreams: [...upstreams] },
    backendSource: choice.because,
  });
  return { config: { ...defaults, ...withBackend }, ...choice };
}

/** By the XDG rules; undefined for a user without a home, whose models then live in memory. */
function dataDirectory(environment: Environment): string | undefined {
  const { XDG_DATA_HOME: data, HOME: home } = environment;
  if (data !== undefined && isAbsolute(data)) return join(data, folder);
  return home === undefined || home === "" ? undefined : join(home, ".local", "share", folder);
}
