import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../prepare.mjs";
import { run } from "./commands.mjs";

const folder = join(root, "test/interop/javascript");

/** The clients stand beside their tests, so that these find them, and so that ours stay few. */
export function installJavaScriptClients() {
  if (!isReady()) {
    console.error(`Installing the packages of ${folder} …`);
    const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    run("npm", ["ci", ...options], { cwd: folder, shell: process.platform === "win32" });
  }
  return {};
}

/** npm leaves in node_modules a record of what it has installed. */
function isReady() {
  const record = join(folder, "node_modules/.package-lock.json");
  if (!existsSync(record)) return false;
  const installed = readPackages(record);
  return Object.entries(readPackages(join(folder, "package-lock.json"))).every(
    ([path, { version, optional }]) =>
      path === "" || optional || installed[path]?.version === version,
  );
}

function readPackages(lock) {
  return JSON.parse(readFileSync(lock, "utf8")).packages;
}
