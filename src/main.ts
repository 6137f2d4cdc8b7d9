#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { runCli } from "./cli/cli.ts";

const { version } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
) as { version: string };

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
    exit: (code) => {
      process.exitCode = code;
      process.exit();
    },
  },
  version,
);
