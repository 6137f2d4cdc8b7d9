// Makes a clone ready to run: the dependencies as package-lock.json names them, dist/ as src/ has it.
// Each step does nothing when there is nothing to do, and throws when it fails.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

export function prepare() {
  install();
  build();
}

/** `npm ci`, unless node_modules holds what the lock file asks for. */
export function install() {
  checkNodeVersion();
  if (isInstalled()) return;
  console.error("Installing the dependencies of package-lock.json into node_modules …");
  run("npm", ["ci", "--ignore-scripts", "--include=dev", "--no-progress", "--loglevel=error"], {
    stdio: ["ignore", "ignore", "inherit"],
    shell: process.platform === "win32", // npm is a .cmd file there
  });
}

function checkNodeVersion() {
  const [, ...needed] = readJson("package.json")
    .engines.node.match(/^>=(\d+)\.(\d+)/)
    .map(Number);
  const found = process.versions.node.split(".").map(Number);
  if (found[0] < needed[0] || (found[0] === needed[0] && found[1] < needed[1])) {
    throw new Error(
      `Node ${needed.join(".")} or newer is needed, this is ${process.versions.node}`,
    );
  }
}

/**
 * npm leaves in node_modules a record of what it installed. Comparing the two contents, not the two
 * times, also sees an interrupted install, one without the development dependencies, and a clone or
 * a copy whose file times say nothing.
 */
function isInstalled() {
  const record = "node_modules/.package-lock.json";
  if (!existsSync(join(root, record))) return false;
  const installed = readJson(record).packages;
  return Object.entries(readJson("package-lock.json").packages).every(
    ([path, { version, optional }]) =>
      path === "" || optional || installed[path]?.version === version,
  );
}

/** Compiles src/ into dist/, unless dist/ was made from the very same sources. */
export function build() {
  const record = join(root, ".cache/build-fingerprint");
  const main = join(root, "dist/main.js");
  const fingerprint = fingerprintSources();
  if (existsSync(main) && existsSync(record) && readFileSync(record, "utf8") === fingerprint)
    return;

  console.error("Building dist …");
  rmSync(record, { force: true });
  rmSync(join(root, "dist"), { recursive: true, force: true });
  run(
    process.execPath,
    [join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json"],
    {
      stdio: ["ignore", process.stderr, process.stderr],
    },
  );
  chmodSync(main, 0o755);
  mkdirSync(dirname(record), { recursive: true });
  writeFileSync(record, fingerprint);
}

function fingerprintSources() {
  const sources = readdirSync(join(root, "src"), { recursive: true })
    .map((name) => join("src", name))
    .filter((path) => statSync(join(root, path)).isFile())
    .toSorted();
  const hash = createHash("sha256");
  for (const path of ["tsconfig.json", "tsconfig.build.json", "package-lock.json", ...sources]) {
    hash.update(`${path}\0`).update(readFileSync(join(root, path)));
  }
  return hash.digest("hex");
}

function run(command, options, settings) {
  const { status, error } = spawnSync(command, options, { cwd: root, ...settings });
  if (error) throw new Error(`${command} could not be started: ${error.message}`);
  if (status !== 0) throw new Error(`\`${[command, ...options].join(" ")}\` failed`);
}

function readJson(path) {
  return JSON.parse(readFileSync(join(root, path), "utf8"));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) prepare();
