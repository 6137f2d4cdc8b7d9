import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCli } from "../../src/cli/cli.ts";
import { configurationMarkdown } from "../../src/config/documentation.ts";
import { loadConfig } from "../../src/config/load.ts";
import { root } from "../support/source-files.ts";

const pages = ["README.md", "docs/CONFIGURATION.md"];

describe("docs/CONFIGURATION.md", () => {
  test("is what `npm run docs` writes", () => {
    expect(readPage("docs/CONFIGURATION.md")).toBe(configurationMarkdown());
  });

  test("has a meaning for each setting and variable", () => {
    const rows = configurationMarkdown()
      .split("\n")
      .filter((line) => line.startsWith("| `"));
    expect(rows.length).toBeGreaterThan(40);
    expect(rows.filter((row) => /\|\s*\|$/.test(row))).toEqual([]);
  });

  test("names every option and variable that `--help` names", async () => {
    const help = await readHelp();
    const names = help.match(/--(?!help)[a-z]+|\b[A-Z]+_[A-Z_]+\b/g) ?? [];
    expect(names).toContain("--config");
    expect(names).toContain("OLLAMA_HOST");
    expect(names.filter((name) => !configurationMarkdown().includes(name))).toEqual([]);
  });
});

describe("a configuration file in the documentation", () => {
  const examples = pages.flatMap((page) =>
    [...readPage(page).matchAll(/^```yaml\n(.*?)^```/gms)].map(
      ([, yaml = ""], at) => [page, at + 1, yaml] as const,
    ),
  );
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "configuration-"));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  test("is there in each page", () => {
    expect(pages.filter((page) => !examples.some(([name]) => name === page))).toEqual([]);
  });

  test.each(examples)("loads: %s, example %i", (_, __, yaml) => {
    const file = join(folder, "example.yaml");
    writeFileSync(file, yaml);
    const variables = [...yaml.matchAll(/\$\{(\w+)\}/g)].map(([, name = ""]) => [name, "a key"]);
    const config = loadConfig({ file, environment: Object.fromEntries(variables) });
    expect(config.upstreams.length).toBeGreaterThan(0);
  });
});

function readPage(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

async function readHelp(): Promise<string> {
  let text = "";
  const output = new Writable({
    write(chunk: Buffer, _, done) {
      text += chunk.toString();
      done();
    },
  });
  const terminal = {
    environment: {},
    stdout: output,
    stderr: output,
    nodeVersion: "",
    onSignal: () => {},
    exit: () => {},
  };
  await runCli(["serve", "--help"], terminal, "0.0.0");
  return text;
}
