#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { isatty } from "node:tty";
import { runCli } from "./cli/cli.ts";

const { version } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
) as { version: string };

// What is written to a closed pipe is lost, and nothing else.
for (const output of [process.stdout, process.stderr]) output.on("error", () => {});

await runCli(
  process.argv.slice(2),
  {
    environment: process.env,
    stdout: process.stdout,
    stderr: process.stderr,
    nodeVersion: process.versions.node,
    onSignal: (signal, listener) => {
      process.on(signal, listener);
    },
    onFault: (listener) => {
      process.on("uncaughtException", listener);
    },
    hasHungUp,
    exit: (code) => {
      process.exitCode = code;
      // Node puts the terminal back in order before it ends, and aborts when that is gone.
      if (hasHungUp()) process.removeAllListeners("SIGHUP").kill(process.pid, "SIGHUP");
      process.exit();
    },
  },
  version,
);

function hasHungUp(): boolean {
  return process.stderr.isTTY && !isatty(process.stderr.fd);
}
