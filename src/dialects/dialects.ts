import type { Dialect } from "./dialect.ts";
import { genericLocal } from "./generic-local.ts";
import { generic } from "./generic.ts";

export const dialects = { generic, "generic-local": genericLocal } as const;

export type DialectId = keyof typeof dialects;

export const dialectIds = Object.keys(dialects) as [DialectId, ...DialectId[]];

/** The dialect of a backend about which only its address is known. */
export function dialectFor(baseUrl: URL): Dialect {
  return isPrivateHost(baseUrl.hostname) ? genericLocal : generic;
}

/** Loopback, RFC 1918, link-local and unique-local addresses, and names that stay in a local net. */
function isPrivateHost(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, "").toLowerCase();
  return (
    host === "localhost" ||
    /\.(localhost|local|internal|lan)$/.test(host) ||
    /^(127|10)\.\d+\.\d+\.\d+$/.test(host) ||
    /^192\.168\.\d+\.\d+$/.test(host) ||
    /^169\.254\.\d+\.\d+$/.test(host) ||
    /^172\.(1[6-9]|2\d|3[01])\.\d+\.\d+$/.test(host) ||
    host === "::1" ||
    /^f[cd][0-9a-f]{2}:/.test(host) ||
    host.startsWith("fe80:") ||
    (!host.includes(".") && !host.includes(":"))
  );
}
