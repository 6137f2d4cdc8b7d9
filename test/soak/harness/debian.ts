import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

/** A file of a Debian package, which is installed where that may be done. */
export function findDebian(path: string, packageName: string): string | undefined {
  if (!existsSync(path) && process.getuid?.() === 0 && existsSync("/usr/bin/apt-get")) {
    const install = ["install", "--yes", "--no-install-recommends", packageName];
    spawnSync("apt-get", ["update"], { stdio: "ignore" });
    spawnSync("apt-get", install, { stdio: "ignore" });
  }
  return existsSync(path) ? path : undefined;
}
