import type { Config } from "./schema.ts";
import { ConfigError } from "./config-error.ts";

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  readonly loopback: boolean;
}

/**
 * Where to listen. Anything but loopback would let strangers spend the owner's key, so it needs a
 * key of its own or a plain word that this is wanted.
 * @throws ConfigError for an address that is none, or one that is exposed without either.
 */
export function listenAddress(
  config: Pick<Config, "listen" | "api_key" | "insecure">,
): ListenAddress {
  const address = parseAddress("listen", config.listen);
  if (!address.loopback && config.api_key === undefined && !config.insecure) {
    throw new ConfigError(
      `listen: ${config.listen} can be reached by other machines, and whoever reaches it could use your backends.\n` +
        "Set PROXY_API_KEY to ask a key of every client, or PROXY_INSECURE=true if this is what you want.",
    );
  }
  return address;
}

/**
 * Where metrics and state are served, if anywhere. Nobody is asked for a key there, so anything but
 * loopback needs the plain word.
 * @throws ConfigError as above
 */
export function adminAddress(
  config: Pick<Config, "admin" | "insecure">,
): ListenAddress | undefined {
  const { listen } = config.admin;
  if (listen === undefined) return undefined;
  const address = parseAddress("admin.listen", listen);
  if (!address.loopback && !config.insecure) {
    throw new ConfigError(
      `admin.listen: ${listen} can be reached by other machines, and nobody is asked for a key there.\n` +
        "Choose an address of this machine, or set PROXY_INSECURE=true if this is what you want.",
    );
  }
  return address;
}

function parseAddress(setting: string, text: string): ListenAddress {
  const parts = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(parts?.[3]);
  if (parts === null || port > 65535) {
    throw new ConfigError(`${setting}: expected host:port, got ${JSON.stringify(text)}`);
  }
  const host = parts[1] ?? (parts[2] || "0.0.0.0");
  const loopback = host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host);
  return { host, port, loopback };
}
