import { createHash, timingSafeEqual } from "node:crypto";
import { BlockList, isIP } from "node:net";

/** Web origins that real Ollama lets in without being told; a port may follow the first three. */
const localOrigin = /^https?:\/\/(localhost|127\.0\.0\.1|0\.0\.0\.0)(:\d+)?$/;
const appOrigin = /^(app|file|tauri|vscode-webview|vscode-file):\/\//;
const localSuffix = /\.(localhost|local|internal)$/;

const localAddresses = new BlockList();
localAddresses.addSubnet("127.0.0.0", 8);
localAddresses.addSubnet("10.0.0.0", 8);
localAddresses.addSubnet("172.16.0.0", 12);
localAddresses.addSubnet("192.168.0.0", 16);
localAddresses.addAddress("0.0.0.0");
localAddresses.addAddress("::", "ipv6");
localAddresses.addAddress("::1", "ipv6");
localAddresses.addSubnet("fc00::", 7, "ipv6");

export interface GuardOptions {
  /** On a loopback address a foreign Host header means DNS rebinding. */
  readonly checkHost: boolean;
  /** This machine's own name. */
  readonly hostname: string;
  /** Origins let in besides the local ones; `*` stands for anything. */
  readonly origins: readonly string[];
  /** Asked of every client, when set. */
  readonly apiKey: string | undefined;
}

/** Who may talk to us: real Ollama's rules for Host and Origin, and our own key. */
export class Guard {
  readonly #options: GuardOptions;
  readonly #origins: readonly RegExp[];
  readonly #keyDigest: Buffer | undefined;

  constructor(options: GuardOptions) {
    this.#options = options;
    this.#origins = options.origins.map(originPattern);
    this.#keyDigest = options.apiKey === undefined ? undefined : digest(options.apiKey);
  }

  allowsHost(header: string | undefined): boolean {
    if (!this.#options.checkHost || header === undefined || header === "") return true;
    const host = header
      .replace(/:\d+$/, "")
      .replace(/^\[|\]$/g, "")
      .toLowerCase();
    if (host === "localhost" || host === this.#options.hostname.toLowerCase()) return true;
    const family = isIP(host);
    if (family !== 0) return localAddresses.check(host, family === 4 ? "ipv4" : "ipv6");
    return localSuffix.test(host);
  }

  allowsOrigin(origin: string): boolean {
    return (
      localOrigin.test(origin) ||
      appOrigin.test(origin) ||
      this.#origins.some((pattern) => pattern.test(origin))
    );
  }

  /** Compares digests in constant time, so that a key can't be guessed byte by byte. */
  allowsKey(authorization: string | undefined): boolean {
    if (this.#keyDigest === undefined) return true;
    const token = /^bearer (.+)$/is.exec(authorization ?? "")?.[1] ?? "";
    return timingSafeEqual(digest(token.trim()), this.#keyDigest);
  }
}

/** A page of the same origin as ours needs no leave. */
export function isSameOrigin(origin: string, host: string | undefined): boolean {
  return origin === `http://${host}` || origin === `https://${host}`;
}

function originPattern(origin: string): RegExp {
  const escaped = origin.replace(/[.+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll("*", ".*");
  const anyScheme = origin.includes("://") || origin.startsWith("*") ? "" : "https?://";
  return new RegExp(`^${anyScheme}${escaped}$`, "i");
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
