import { z } from "zod";
import { otherVariables, variables } from "./environment.ts";
import { configSchema } from "./schema.ts";

type Schema = z.core.JSONSchema.JSONSchema;

/** A group of settings that gets a table of its own. */
interface Section {
  /** Empty for the settings at the top of the file. */
  readonly name: string;
  readonly kind: "section" | "list" | "map";
  readonly schema: Schema;
  readonly defaults: Readonly<Record<string, unknown>>;
}

type Row = readonly string[];

const sectionIntroductions: Readonly<Record<Section["kind"], string>> = {
  section: "",
  list: "A list. Each entry has:",
  map: "A mapping from names, each to:",
};

const introduction = `# Configuration

\`npm run docs\` writes this page from \`src/config/schema.ts\` and \`src/config/environment.ts\`. Change it
there.

The proxy runs without any configuration. A setting is looked for in this order, and the first place
that has it wins:

1. the command line (\`--listen\`);
2. the environment;
3. the configuration file;
4. the defaults below.

The configuration file is the one that \`--config FILE\` names, else the one that \`PROXY_CONFIG\` names,
else \`./ollama-openai-proxy.yaml\` when it exists. The whole configuration is checked at start. A
setting that does not exist or has a wrong value stops the start with a message that names the file,
the line and the setting, or the variable.

The backend is chosen in this order:

1. \`upstreams\` in the file;
2. \`OPENAI_BASE_URL\` (or \`OPENAI_API_BASE_URL\`) and \`OPENAI_API_KEY\`;
3. a server on this machine that answers on its usual port: LM Studio, vLLM, llama.cpp, Jan,
   KoboldCpp, TabbyAPI, SGLang, Docker Model Runner;
4. the built-in demo backend, which is no language model.

## The file

The file is YAML. \`\${NAME}\` in a text stands for the environment variable of that name, so that no key
need be in the file; a variable that is not set stops the start. A duration is a number with a unit
(\`500ms\`, \`30s\`, \`5m\`, \`1h\`), or a number of seconds.

\`\`\`yaml
listen: 127.0.0.1:11434
upstreams:
  - id: openrouter
    base_url: https://openrouter.ai/api/v1
    api_key: \${OPENROUTER_API_KEY}
  - id: local
    base_url: http://127.0.0.1:8080/v1
models:
  openai/gpt-4o-mini:
    capabilities: [completion, tools, vision]
    context_length: 128000
timeouts:
  first_byte: 15m
\`\`\`
`;

/** The whole of docs/CONFIGURATION.md. */
export function configurationMarkdown(): string {
  const top: Section = {
    name: "",
    kind: "section",
    schema: z.toJSONSchema(configSchema, { io: "input", unrepresentable: "any" }),
    defaults: configSchema.parse({}),
  };
  return [
    introduction,
    ...unique([top, ...sectionsOf(top)]).map(sectionMarkdown),
    environmentMarkdown(),
  ].join("\n");
}

/** A group that stands in several places is described once. */
function unique(sections: readonly Section[]): Section[] {
  return [
    ...new Map(sections.toReversed().map((section) => [section.name, section])).values(),
  ].toReversed();
}

function sectionMarkdown(section: Section): string {
  const heading = section.name === "" ? "## Settings" : `### \`${section.name}\``;
  const introductionText = sectionIntroductions[section.kind];
  return [
    heading,
    "",
    ...(introductionText === "" ? [] : [introductionText, ""]),
    table(["setting", "type", "default", "meaning"], settingRows(section)),
  ].join("\n");
}

function settingRows({ schema, defaults }: Section): Row[] {
  return propertiesOf(schema).map(([key, property]) => [
    `\`${key}\``,
    sectionOf(key, property, {}) === undefined ? typeName(property) : `[below](#${key})`,
    defaultText(property, defaults[key], schema.required?.includes(key) === true),
    meaningOf(property),
  ]);
}

/** Beyond as many, values would make a column too wide. */
const mostShown = 10;

function meaningOf({ description = "", enum: values = [] }: Schema): string {
  if (values.length <= mostShown) return description;
  return `${description} One of ${values.map((value) => `\`${String(value)}\``).join(", ")}.`;
}

function sectionsOf({ schema, defaults }: Section): Section[] {
  return propertiesOf(schema).flatMap(([key, property]) => {
    const section = sectionOf(key, property, defaults);
    return section === undefined ? [] : [section, ...sectionsOf(section)];
  });
}

/** What has settings of its own: an object, a list of objects, a mapping to objects. */
function sectionOf(
  name: string,
  schema: Schema,
  defaults: Readonly<Record<string, unknown>>,
): Section | undefined {
  if (schema.properties !== undefined) {
    return {
      name,
      kind: "section",
      schema,
      defaults: (defaults[name] ?? {}) as Section["defaults"],
    };
  }
  const item = asSchema(schema.items);
  if (item?.properties !== undefined) return { name, kind: "list", schema: item, defaults: {} };
  const member = asSchema(schema.additionalProperties);
  if (member?.properties !== undefined) return { name, kind: "map", schema: member, defaults: {} };
  return undefined;
}

function typeName(schema: Schema): string {
  if (schema.enum !== undefined && schema.enum.length > mostShown) return "a name";
  if (schema.enum !== undefined)
    return schema.enum.map((value) => `\`${String(value)}\``).join(", ");
  if (isDuration(schema)) return "duration";
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeName({ type })).join(" or ");
  switch (schema.type) {
    case "string":
      return schema.format === "uri" ? "URL" : "text";
    case "integer":
      return "whole number";
    case "boolean":
      return "true or false";
    case "array":
      return `list of ${typeName(asSchema(schema.items) ?? {})}`;
    case "object":
      return `mapping to ${typeName(asSchema(schema.additionalProperties) ?? {})}`;
    default:
      return schema.type ?? "any";
  }
}

/** The only setting type with alternatives: seconds, or a text with a unit. */
function isDuration(schema: Schema): boolean {
  const alternatives = (schema.anyOf ?? []).map((alternative) => asSchema(alternative));
  return (
    alternatives.some((alternative) => alternative?.type === "number") &&
    alternatives.some((alternative) => alternative?.pattern !== undefined)
  );
}

function defaultText(schema: Schema, value: unknown, required: boolean): string {
  if (required) return "required";
  if (isDuration(schema) && typeof value === "number") return `\`${durationText(value)}\``;
  const isEmpty = typeof value === "object" || value === "" || value === undefined;
  return isEmpty ? "" : `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}

function durationText(milliseconds: number): string {
  if (milliseconds % 60_000 === 0) return `${milliseconds / 60_000}m`;
  return milliseconds % 1000 === 0 ? `${milliseconds / 1000}s` : `${milliseconds}ms`;
}

function environmentMarkdown(): string {
  const rows = [
    ...Object.entries(otherVariables).map(([name, meaning]) => [`\`${name}\``, "", meaning]),
    ...variables.map(({ name, key, describe }) => [`\`${name}\``, `\`${key}\``, describe]),
  ];
  return [
    "## Environment",
    "",
    "A variable that is set to nothing counts as not set. `1`, `true`, `yes` and `on` switch a switch on,",
    "any other text off. Names that begin with `OLLAMA_` are Ollama's own; but `OLLAMA_HOST=:PORT`, which",
    "has no host, means this machine only.",
    "",
    table(["variable", "setting", "meaning"], rows),
  ].join("\n");
}

/** As the formatter writes tables: columns as wide as their widest cell. */
function table(head: Row, rows: readonly Row[]): string {
  const widths = head.map((title, column) =>
    Math.max(3, ...[title, ...rows.map((row) => row[column] ?? "")].map((cell) => cell.length)),
  );
  const line = (cells: Row) =>
    `| ${widths.map((width, column) => (cells[column] ?? "").padEnd(width)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line), ""].join(
    "\n",
  );
}

function propertiesOf(schema: Schema): [string, Schema][] {
  return Object.entries(schema.properties ?? {}).map(([key, property]) => [
    key,
    asSchema(property) ?? {},
  ]);
}

function asSchema(value: unknown): Schema | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Schema)
    : undefined;
}
