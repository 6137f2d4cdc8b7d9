import type { ConfigFile } from "./schema.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** One variable: the key of the file that it overrides, and how its text becomes a value. */
interface Variable {
  readonly name: string;
  readonly key: string;
  readonly parse: (text: string) => unknown;
  readonly describe: string;
}

const asText = (text: string) => text;
const asNumber = (text: string) => Number(text);
const asList = (text: string) =>
  text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
/** Whole seconds, or a duration. */
const asKeepAlive = (text: string) => (/^-?\d+$/.test(text) ? Number(text) : text);
const asBoolean = (text: string) => ["1", "true", "yes", "on"].includes(text.toLowerCase());

/** Ollama's own names where Ollama has one; ours begin with `PROXY_`. */
export const variables: readonly Variable[] = [
  { name: "OLLAMA_HOST", key: "listen", parse: parseOllamaHost, describe: "address to listen on" },
  {
    name: "OLLAMA_ORIGINS",
    key: "origins",
    parse: asList,
    describe: "web origins let in, separated by commas",
  },
  {
    name: "OLLAMA_KEEP_ALIVE",
    key: "keep_alive",
    parse: asKeepAlive,
    describe: "how long a model stays listed",
  },
  {
    name: "OLLAMA_CONTEXT_LENGTH",
    key: "context_length",
    parse: asNumber,
    describe: "context window told of unknown models",
  },
  {
    name: "OLLAMA_DEBUG",
    key: "log.level",
    parse: (text) => (asBoolean(text) ? "debug" : undefined),
    describe: "`1` logs at level debug",
  },
  {
    name: "OLLAMA_NUM_PARALLEL",
    key: "limits.concurrent",
    parse: (text) => (text === "0" ? undefined : asNumber(text)),
    describe: "requests that one backend answers at the same time",
  },
  {
    name: "OLLAMA_MAX_QUEUE",
    key: "limits.queue",
    parse: asNumber,
    describe: "requests that wait for one backend",
  },
  { name: "PROXY_API_KEY", key: "api_key", parse: asText, describe: "key asked of every client" },
  {
    name: "PROXY_INSECURE",
    key: "insecure",
    parse: asBoolean,
    describe: "allow other machines in without a key",
  },
  {
    name: "PROXY_STREAM_FORMAT",
    key: "stream_format",
    parse: asText,
    describe: "auto, ndjson or sse",
  },
  {
    name: "PROXY_PATH_PREFIX",
    key: "path_prefix",
    parse: asText,
    describe: "path under which all routes are served",
  },
  {
    name: "PROXY_DATA_DIR",
    key: "data_dir",
    parse: asText,
    describe: "where created models are kept",
  },
  {
    name: "PROXY_LOG_LEVEL",
    key: "log.level",
    parse: asText,
    describe: "debug, info, warn, error or silent",
  },
  { name: "PROXY_LOG_FORMAT", key: "log.format", parse: asText, describe: "auto, json or text" },
];

/** Variables that choose a backend when no file does. */
export const backendVariables = [
  "OPENAI_BASE_URL",
  "OPENAI_API_BASE_URL",
  "OPENAI_API_KEY",
] as const;

/** What the variables mean that override no single key of the file. */
export const otherVariables: Readonly<
  Record<(typeof backendVariables)[number] | "PROXY_CONFIG", string>
> = {
  OPENAI_BASE_URL: "address of the backend's OpenAI-compatible API",
  OPENAI_API_BASE_URL: "the same, under another usual name",
  OPENAI_API_KEY: "its key; alone it means OpenAI's own API",
  PROXY_CONFIG: "the configuration file",
};

/** What the environment says, in the shape of the file, with the variable each key came from. */
export function readEnvironment(environment: Environment): {
  values: ConfigFile;
  sources: ReadonlyMap<string, string>;
} {
  const values: Record<string, unknown> = {};
  const sources = new Map<string, string>();
  for (const { name, key, parse } of variables) {
    const text = environment[name];
    const value = text === undefined || text === "" ? undefined : parse(text);
    if (value === undefined) continue;
    const [section, member] = key.split(".") as [string, string?];
    if (member === undefined) values[section] = value;
    else values[section] = { ...(values[section] as object | undefined), [member]: value };
    sources.set(key, name);
  }
  return { values, sources };
}

/**
 * The backend that `OPENAI_BASE_URL` and `OPENAI_API_KEY` describe, if either is set, and the variable
 * that named it.
 */
export function environmentUpstream(environment: Environment): EnvironmentUpstream | undefined {
  const variable = backendVariables.find((name) => (environment[name] ?? "") !== "");
  if (variable === undefined) return undefined;
  const key = environment["OPENAI_API_KEY"] || undefined;
  const url = variable === "OPENAI_API_KEY" ? "https://api.openai.com/v1" : environment[variable];
  return {
    variable,
    upstream: {
      id: "openai",
      base_url: url ?? "",
      ...(key === undefined ? {} : { api_key: key }),
    },
  };
}

interface EnvironmentUpstream {
  readonly variable: string;
  readonly upstream: NonNullable<ConfigFile["upstreams"]>[number];
}

/** Ollama takes `host`, `:port`, `host:port` and a URL. */
function parseOllamaHost(text: string): string {
  const bare = text
    .trim()
    .replace(/^https?:\/\//, "")
    .replace(/\/.*$/, "");
  const parts = /^(\[[^\]]+\]|[^:]*)(?::(\d+))?$/.exec(bare);
  if (parts === null) return bare;
  return `${parts[1] || "127.0.0.1"}:${parts[2] ?? "11434"}`;
}
