import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "../prepare.mjs";
import { isInstalled, run } from "./commands.mjs";

const requirements = join(root, "test/interop/python/requirements.txt");

/** Ends with 0 when each requirement is installed in its exact version. */
const check = `
import importlib.metadata, sys
for line in open(sys.argv[1]):
    name, _, version = line.partition("#")[0].strip().partition("==")
    if name and importlib.metadata.version(name) != version:
        sys.exit(1)
`;

/** A virtual environment with the `ollama` package, a language model and its server. */
export function installPythonTools(cache) {
  if (!isInstalled("python3", "--version")) return undefined;
  const folder = join(cache, "venv");
  const python = join(folder, "bin/python");
  const isReady = () =>
    spawnSync(python, ["-c", check, requirements], { stdio: "ignore" }).status === 0;
  if (!isReady()) {
    console.error(`Installing the packages of ${requirements} into ${folder} …`);
    run("python3", ["-m", "venv", "--clear", folder]);
    const options = ["--quiet", "--disable-pip-version-check", "--no-deps"];
    run(python, ["-m", "pip", "install", ...options, "--requirement", requirements]);
  }
  return { INTEROP_PYTHON: python };
}
