import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

export interface RunOptions {
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Files in the folder that it runs in. */
  readonly files?: Readonly<Record<string, string>>;
  /** Shell commands that come first, such as `exec 2>/dev/full`. */
  readonly before?: string;
}

export interface Run {
  readonly stdout: () => string;
  readonly stderr: () => string;
  signal(name: "SIGTERM" | "SIGINT" | "SIGHUP"): void;
  readonly child: ChildProcess;
  /** Where its files are. */
  readonly folder: string;
  /** The exit code; null when a signal ended it. */
  readonly exit: Promise<number | null>;
}

/** Runs the built program in an empty folder, with nothing of our own environment but the path. */
export function run(options: RunOptions = {}): Run {
  const { args = [], environment = {}, files = {}, before } = options;
  if (!existsSync(MAIN)) throw new Error("dist/main.js is missing: npm run build");
  const folder = mkdtempSync(join(tmpdir(), "proxy-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const node = [process.execPath, MAIN, ...args];
  const shell = before === undefined ? [] : ["/bin/sh", "-c", `${before}; exec "$0" "$@"`];
  const [program = "", ...parameters] = [...shell, ...node];
  const child = spawn(program, parameters, {
    cwd: folder,
    env: { PATH: process.env["PATH"], OLLAMA_HOST: "127.0.0.1:0", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (bytes: Buffer) => (output.stdout += bytes.toString()));
  child.stderr.on("data", (bytes: Buffer) => (output.stderr += bytes.toString()));
  const exit = new Promise<number | null>((resolve) => child.on("close", resolve));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exit;
    rmSync(folder, { recursive: true });
  });
  return {
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    signal: (name) => child.kill(name),
    child,
    folder,
    exit,
  };
}

export interface Served extends Run {
  readonly url: string;
}

export interface ServeOptions extends RunOptions {
  /** What to do before it says so. */
  readonly onStart?: (started: Run) => Promise<void>;
}

/** Runs it until it says where it listens. */
export async function serve({ onStart, ...options }: ServeOptions = {}): Promise<Served> {
  const started = run({ args: ["serve"], ...options });
  await onStart?.(started);
  let ended = false;
  void started.exit.then(() => (ended = true));
  for (let waited = 0; !started.stdout().includes("Try it:"); waited += 10) {
    if (ended || waited > 15_000) {
      throw new Error(`it does not serve:\n${started.stdout()}${started.stderr()}`);
    }
    await sleep(10);
  }
  const [, port = ""] = /Listening +http:\/\/.*?:(\d+)/.exec(started.stdout()) ?? [];
  return { ...started, url: `http://127.0.0.1:${port}` };
}
