import { spawnSync } from "node:child_process";

export function isInstalled(command, ...options) {
  return spawnSync(command, options, { stdio: "ignore" }).status === 0;
}

/** Runs a command to its end and answers what it printed; its errors are shown as they come. */
export function run(command, options, settings = {}) {
  const { status, stdout, error } = spawnSync(command, options, {
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
    ...settings,
  });
  if (error) throw new Error(`${command} could not be started: ${error.message}`);
  if (status !== 0) throw new Error(`\`${[command, ...options].join(" ")}\` failed:\n${stdout}`);
  return stdout.trim();
}
