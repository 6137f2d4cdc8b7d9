import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

/** What a process holds once its garbage is collected. */
export interface Insides {
  /** Bytes. */
  readonly heapUsed: number;
  readonly rss: number;
  /** Handles and timers that would keep it alive, by kind. */
  readonly resources: Readonly<Record<string, number>>;
  /** Open files, sockets among them. */
  readonly descriptors: number;
  /** What it was warned of since it began. */
  readonly warnings: readonly string[];
}

export interface Probe {
  /** For the process that is looked into. */
  readonly environment: Readonly<Record<string, string>>;
  look(): Promise<Insides>;
}

/** A way to look into a process that is started with this environment. */
export function createProbe(): Probe {
  const folder = mkdtempSync(join(tmpdir(), "probe-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "socket");
  const script = fileURLToPath(new URL("probe.mjs", import.meta.url));
  return {
    environment: { NODE_OPTIONS: `--import ${script}`, PROBE: path },
    look: async () => {
      let text = "";
      const socket = connect(path).setEncoding("utf8");
      for await (const piece of socket as AsyncIterable<string>) text += piece;
      return JSON.parse(text) as Insides;
    },
  };
}
