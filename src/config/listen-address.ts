import type { Config } from "./schema.ts";
import { ConfigError } from "./load.ts";

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
  const parts = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(config.listen);
  const port = Number(parts?.[3]);
  if (parts === null || port > 65535) {
    throw new ConfigError(`listen: expected host:port, got ${JSON.stringify(config.listen)}`);
  }
  const host = parts[1] ?? (parts[2] || "0.0.0.0");
  const loopback = host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host);
  if (!loopback && config.api_key === undefined && !config.insecure) {
    throw new ConfigError(
      `listen: ${config.listen} can be reached by other machines, and whoever reaches it could use your backends.\n` +
        "Set PROXY_API_KEY to ask a key of every client, or PROXY_INSECURE=true if this is what you want.",
    );
  }
  return { host, port, loopback };
}
