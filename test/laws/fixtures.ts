import { readdirSync, readFileSync } from "node:fs";

/** A byte stream of some backend, and what an Ollama client is to see of it. */
export interface Fixture {
  readonly name: string;
  readonly bytes: Buffer;
  /** NDJSON; of an answer that broke before its first line, the one error object. */
  readonly expected: string;
}

const folder = new URL("../fixtures/", import.meta.url);

export const fixtures: readonly Fixture[] = readdirSync(folder)
  .filter((file) => file.endsWith(".sse"))
  .toSorted()
  .map((file) => ({
    name: file.slice(0, -".sse".length),
    bytes: readFileSync(new URL(file, folder)),
    expected: readFileSync(new URL(file.replace(/sse$/u, "ndjson"), folder), "utf8"),
  }));
