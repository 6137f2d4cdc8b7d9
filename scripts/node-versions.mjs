// `npm run test:node-versions`: the tests once more under each newer line of Node that is supported.
// The binaries come as npm packages, so nothing but npm is needed; they are kept in .cache.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { add, close, nothing, oneFailed } from "./counts.mjs";
import { prepare, root } from "./prepare.mjs";
import { runVitest } from "./vitest.mjs";

const versions = ["22.23.3", "24.21.0"];

prepare();

let counts = nothing;
for (const version of versions) {
  const node = installNode(version);
  if (node === undefined) {
    console.error(`FAIL  Node ${version}: no binary for ${process.platform} on ${process.arch}`);
    counts = add(counts, oneFailed);
  } else {
    console.log(`Node ${version}`);
    counts = add(counts, runVitest([], node));
  }
}
close(counts);

/** The path of a `node` of that version, or undefined where npm has none for this machine. */
function installNode(version) {
  const name = `node-${process.platform}-${process.arch}`;
  const folder = join(root, ".cache", `node-${version.split(".")[0]}`);
  const node = join(folder, "node_modules", name, "bin/node");
  const isReady = () =>
    spawnSync(node, ["--version"], { encoding: "utf8" }).stdout === `v${version}\n`;
  if (!isReady()) {
    console.error(`Installing Node ${version} into .cache …`);
    spawnSync(
      "npm",
      ["install", "--prefix", folder, "--ignore-scripts", "--loglevel=error", `${name}@${version}`],
      { cwd: root, stdio: ["ignore", "ignore", "inherit"] },
    );
  }
  return isReady() ? node : undefined;
}
