import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startSleepingServer, type SleepingServer } from "../sleeping-server.ts";
import { until } from "../waiting.ts";
import type { Backend } from "./backends.ts";

/** Of backends that no connection is ever made to. */
const nothing = { requests: [], lookups: [], connections: () => 0, isIdle: () => true };

/** A host whose name nobody knows. */
export async function nameless(): Promise<Backend> {
  return { ...nothing, baseUrl: "http://backend.invalid/v1", close: async () => {} };
}

/**
 * A host whose name is never found out: names are looked up by a few threads, and those wait for a
 * pipe that nobody writes to.
 */
export async function stalledResolver(): Promise<Backend> {
  const folder = mkdtempSync(join(tmpdir(), "pipe-"));
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  const threads = Number(process.env["UV_THREADPOOL_SIZE"] ?? 4);
  const waiting = Array.from({ length: threads }, () => open(pipe, "r"));
  return {
    ...nothing,
    baseUrl: "http://backend.invalid/v1",
    // A look-up can't be called off.
    leaves: { GetAddrInfoReqWrap: 1 },
    close: async () => {
      const writing = openSync(pipe, "w");
      for (const handle of await Promise.all(waiting)) await handle.close();
      closeSync(writing);
      rmSync(folder, { recursive: true });
      // The look-up ends now, too.
      await until("no name is looked up", () => !activeResources().includes("GetAddrInfoReqWrap"));
    },
  };
}

function activeResources(): string[] {
  return process.getActiveResourcesInfo();
}

/** Nothing that is sent to it arrives: the kernel drops the first packet of every connection. */
export async function asleep(given?: SleepingServer): Promise<Backend> {
  const server = given ?? (await startSleepingServer());
  const baseUrl = `http://127.0.0.1:${server.port}/v1`;
  return { ...nothing, baseUrl, close: () => server.close() };
}
