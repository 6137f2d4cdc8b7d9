import { existsSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../support/source-files.ts";

/** What `scripts/interop.mjs` has installed, by the name of the environment variable. */
const tools = {
  /** A Python with the packages of python/requirements.txt. */
  python: "INTEROP_PYTHON",
  /** Ollama's own command line. */
  ollama: "INTEROP_OLLAMA",
  /** Ollama's own integration tests, compiled. */
  integrationTests: "INTEROP_TESTS",
};

export function tool(name: keyof typeof tools): string {
  const path = process.env[tools[name]];
  if (path === undefined || !existsSync(path)) {
    throw new Error(`${tools[name]} names no file: these tests run by \`npm run test:interop\``);
  }
  return path;
}

export function interopFile(path: string): string {
  return join(root, "test/interop", path);
}
