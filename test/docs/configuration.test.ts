import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Writable } from "node:stream";
import { Ajv } from "ajv";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { runCli } from "../../src/cli/cli.ts";
import { configurationMarkdown } from "../../src/config/documentation.ts";
import { configurationJsonSchema } from "../../src/config/json-schema.ts";
import { loadConfig } from "../../src/config/load.ts";
import { root } from "../support/source-files.ts";

const pages = ["README.md", "docs/CONFIGURATION.md"];
const examples = pages.flatMap((page) =>
  [...readPage(page).matchAll(/^```yaml\n(.*?)^```/gms)].map(
    ([, yaml = ""], at) => [page, at + 1, yaml] as const,
  ),
);

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

  test("has a type for each setting, and each section that it points to", () => {
    const page = configurationMarkdown();
    expect(page.match(/^\| `.*\| any +\|.*$/gm)).toBeNull();
    const anchors = [...page.matchAll(/\[below\]\(#(\w+)\)/g)].map(([, anchor = ""]) => anchor);
    const headings = [...page.matchAll(/^### `(.+)`$/gm)].map(([, name = ""]) =>
      name.replaceAll(".", ""),
    );
    expect(headings).toContain("upstreamslimits");
    expect(new Set(anchors)).toEqual(new Set(headings));
  });

  test("names every option and variable that `--help` names", async () => {
    const help = await printed("serve", "--help");
    const names = help.match(/--(?!help)[a-z]+|\b[A-Z]+_[A-Z_]+\b/g) ?? [];
    expect(names).toContain("--config");
    expect(names).toContain("OLLAMA_HOST");
    expect(names.filter((name) => !configurationMarkdown().includes(name))).toEqual([]);
  });
});

describe("schema/config.schema.json", () => {
  const schema = JSON.parse(readPage("schema/config.schema.json")) as object;
  const isValid = new Ajv({ allErrors: true }).compile(schema);
  const mistakes = (yaml: string) => {
    isValid(parse(yaml));
    return isValid.errors?.map(({ instancePath, message }) => `${instancePath}: ${message}`) ?? [];
  };
  const upstream = (rest: string) => `upstreams: [{id: a, base_url: 'http://x/v1', ${rest}}]`;

  test("is what `npm run docs` writes, and what `schema` prints", async () => {
    expect(schema).toEqual(JSON.parse(JSON.stringify(configurationJsonSchema())));
    expect(JSON.parse(await printed("schema"))).toEqual(schema);
  });

  test("is published, where the documentation says", () => {
    const { name, files } = JSON.parse(readPage("package.json")) as {
      name: string;
      files: string[];
    };
    expect(files).toContain("schema");
    expect(readPage("docs/CONFIGURATION.md")).toContain(
      `\n# yaml-language-server: $schema=node_modules/${name}/schema/config.schema.json\n`,
    );
  });

  test.each(examples)("takes the example: %s, %i", (_, __, yaml) => {
    expect(mistakes(yaml)).toEqual([]);
  });

  test.each([
    "{}",
    "timeouts: {idle: 90, first_byte: 1.5s}",
    "keep_alive: -1",
    upstream(
      "api_key: [a, '${B}'], limits: {concurrent: 1}, timeouts: {connect: 1s}, auth: client",
    ),
    upstream(
      "overrides: {ranges: {top_k: [1, 2], seed: null}, think: {high: null}, prefill: null}",
    ),
    "upstreams: [{id: a, base_url: '${URL}'}]",
    "routes: {'a/*': {policy: weighted, targets: [{upstream: a, model: '*', weight: 0}]}}",
  ])("takes %s", (yaml) => {
    expect(mistakes(yaml)).toEqual([]);
  });

  test.each([
    ["listne: x", ": must NOT have additional properties"],
    ["log: {level: loud}", "/log/level: must be equal to one of the allowed values"],
    ["log: {colour: true}", "/log: must NOT have additional properties"],
    ["timeouts: {idle: soon}", "/timeouts/idle: must match pattern"],
    ["upstreams: [{id: a}]", "/upstreams/0: must have required property 'base_url'"],
    ["upstreams: [{id: a, base_url: example.com}]", "/upstreams/0/base_url: must match pattern"],
    [upstream("key: x"), "/upstreams/0: must NOT have additional properties"],
    [upstream("api_key: []"), "/upstreams/0/api_key: must NOT have fewer than 1 items"],
    [upstream("limits: {queu: 1}"), "/upstreams/0/limits: must NOT have additional properties"],
    [upstream("weight: -1"), "/upstreams/0/weight: must be >= 0"],
    [upstream("dialect: vlm"), "/upstreams/0/dialect: must be equal to one of the allowed values"],
    ["routes: {m: {targets: []}}", "/routes/m/targets: must NOT have fewer than 1 items"],
    ["routes: {m: {target: []}}", "/routes/m: must NOT have additional properties"],
    ["models: {m: {overrides: {auth: none}}}", "/models/m/overrides: must NOT have additional"],
  ])("does not take %s", (yaml, mistake) => {
    expect(mistakes(yaml).join("\n")).toContain(mistake);
  });

  test("tells an editor what each setting means, and what holds without it", () => {
    expect(schema).toMatchObject({
      properties: {
        timeouts: {
          properties: {
            first_byte: {
              default: "10m",
              description: "From the request until the backend says anything.",
            },
          },
        },
      },
    });
  });
});

describe("a configuration file in the documentation", () => {
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
    for (const [, path = ""] of yaml.matchAll(/\$\{file:([^}]+)\}/g)) {
      mkdirSync(join(folder, dirname(path)), { recursive: true });
      writeFileSync(join(folder, path), `key in ${path}\n`);
    }
    const variables = [...yaml.matchAll(/\$\{(\w+)\}/g)].map(([, name = ""]) => [
      name,
      `key ${name}`,
    ]);
    const config = loadConfig({ file, environment: Object.fromEntries(variables) });
    expect(config.upstreams.length).toBeGreaterThan(0);
  });
});

function readPage(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** What a command of the command line prints. */
async function printed(...command: readonly string[]): Promise<string> {
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
    onFault: () => {},
    hasHungUp: () => false,
    exit: () => {},
  };
  await runCli(command, terminal, "0.0.0");
  return text;
}
