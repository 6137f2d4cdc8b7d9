import { mkdtempSync, realpathSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Logger } from "../../src/observe/logger.ts";

/** An empty data directory that goes with the test. */
export function dataDirectory(): string {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), "store-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

export interface Logged {
  readonly level: keyof Logger;
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

export function keepLogs(): Logger & { readonly lines: readonly Logged[] } {
  const lines: Logged[] = [];
  const at = (level: keyof Logger) => (fields: object, message: string) => {
    lines.push({ level, fields: { ...fields }, message });
  };
  return { lines, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** Makes a file look as if it was last written some seconds ago. */
export function age(path: string, seconds: number): void {
  const time = Date.now() / 1000 - seconds;
  utimesSync(path, time, time);
}
