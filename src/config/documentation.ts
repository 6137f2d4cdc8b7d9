import { otherVariables, variables } from "./environment.ts";
import { asSchema, configurationJsonSchema, isDuration, type JsonSchema } from "./json-schema.ts";

/** A group of settings that gets a table of its own. */
interface Section {
  /** Its key, after that of the section around it where the top of the file has the key as well. */
  readonly name: string;
  readonly kind: "section" | "list" | "map";
  readonly schema: JsonSchema;
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

The file is YAML. In a text, \`\${NAME}\` stands for the environment variable of that name and
\`\${file:PATH}\` for what is in a file, without the white space around it, so that no key need be in
the configuration. A path is sought from the folder of the configuration file. A variable that is not
set and a file that can't be read stop the start. A duration is a number with a unit (\`500ms\`, \`30s\`,
\`5m\`, \`1h\`), or a number of seconds, and at most 20 days.

\`\`\`yaml
listen: 127.0.0.1:11434
upstreams:
  - id: workstation
    base_url: http://192.168.0.20:8000/v1
  - id: laptop
    base_url: http://127.0.0.1:1234/v1
    limits:
      concurrent: 2
  - id: openrouter
    base_url: https://openrouter.ai/api/v1
    api_key:
      - \${OPENROUTER_API_KEY}
      - \${file:secrets/openrouter-key}
    priority: 10
routes:
  gpt-oss:20b:
    policy: least-busy
    targets:
      - upstream: workstation
        model: openai/gpt-oss-20b
      - upstream: laptop
        model: openai/gpt-oss-20b
    fallback: [openai/gpt-4o-mini]
  remote/*:
    targets:
      - upstream: openrouter
        model: "*"
models:
  openai/gpt-4o-mini:
    capabilities: [completion, tools, vision]
    context_length: 128000
timeouts:
  first_byte: 15m
\`\`\`

Here the two machines share the requests for \`gpt-oss:20b\`, and OpenRouter is asked when neither can
answer. A model without a route is asked of the backends that list it, the least \`priority\` first;
\`laptop/NAME\` means the model of one backend.

## Changes while it runs

The proxy reads the configuration anew when the file, or another file that it names, changes, and on
SIGHUP. Requests that run go on as they began. Backends keep their connections, and what is known of
them, unless something changes that concerns these: their own settings but for \`priority\`, \`weight\`
and those of their models, and \`timeouts\`, \`limits\` and \`circuit\`. What can't be used is told in the
log, with file and line, and the proxy goes on as it was. \`listen\`, \`path_prefix\`, \`max_body\`,
\`data_dir\`, \`overload\`, \`log\`, \`admin.listen\` and \`timeouts.request_body\` only change with a
restart, and the log says so.

## In an editor

\`schema/config.schema.json\` in the package describes the file to editors, which then complete settings
and mark mistakes. \`ollama-openai-proxy schema\` prints it. Editors that use the YAML language server
find it by the first line of the file:

\`\`\`yaml
# yaml-language-server: $schema=node_modules/ollama-openai-proxy/schema/config.schema.json
upstreams:
  - id: local
    base_url: http://127.0.0.1:8080/v1
\`\`\`
`;

const configuration = configurationJsonSchema();

/** The whole of docs/CONFIGURATION.md. */
export function configurationMarkdown(): string {
  const top: Section = { name: "", kind: "section", schema: configuration };
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

function settingRows(section: Section): Row[] {
  const { required = [] } = section.schema;
  return propertiesOf(section.schema).map(([key, property]) => [
    `\`${key}\``,
    typeOf(key, property, section),
    required.includes(key) ? "required" : defaultText(property.default),
    meaningOf(property),
  ]);
}

function typeOf(key: string, property: JsonSchema, parent: Section): string {
  const section = sectionOf(key, property, parent);
  // As GitHub makes anchors of headings.
  if (section !== undefined) return `[below](#${section.name.replaceAll(".", "")})`;
  return typeName(property);
}

/** Beyond as many, values would make a column too wide. */
const mostShown = 10;

function meaningOf({ description = "", enum: values = [] }: JsonSchema): string {
  if (values.length <= mostShown) return description;
  return `${description} One of ${values.map((value) => `\`${String(value)}\``).join(", ")}.`;
}

function sectionsOf(parent: Section): Section[] {
  return propertiesOf(parent.schema).flatMap(([key, property]) => {
    const section = sectionOf(key, property, parent);
    return section === undefined ? [] : [section, ...sectionsOf(section)];
  });
}

/** What has settings of its own: an object, a list of objects, a mapping to objects. */
function sectionOf(key: string, property: JsonSchema, parent: Section): Section | undefined {
  const isTaken = parent.name !== "" && configuration.properties?.[key] !== undefined;
  const name = isTaken ? `${parent.name}.${key}` : key;
  const [schema, ...others] = alternativesOf(property).filter(({ type }) => type !== "null");
  if (schema === undefined || others.length > 0) return undefined;
  if (schema.properties !== undefined) return { name, kind: "section", schema };
  const item = asSchema(schema.items);
  if (item?.properties !== undefined) return { name, kind: "list", schema: item };
  const member = asSchema(schema.additionalProperties);
  if (member?.properties !== undefined) return { name, kind: "map", schema: member };
  return undefined;
}

function alternativesOf(schema: JsonSchema): JsonSchema[] {
  return schema.anyOf?.map((alternative) => asSchema(alternative) ?? {}) ?? [schema];
}

function typeName(schema: JsonSchema): string {
  if (schema.enum !== undefined && schema.enum.length > mostShown) return "a name";
  if (schema.enum !== undefined)
    return schema.enum.map((value) => `\`${String(value)}\``).join(", ");
  if (isDuration(schema)) return "duration";
  if (schema.anyOf !== undefined) return alternativesOf(schema).map(typeName).join(" or ");
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeName({ type })).join(" or ");
  switch (schema.type) {
    case "string":
      return schema.pattern?.includes("https") === true ? "URL" : "text";
    case "integer":
      return "whole number";
    case "boolean":
      return "true or false";
    case "null":
      return "`null`";
    case "array":
      return `list of ${typeName(asSchema([schema.items].flat()[0]) ?? {})}`;
    case "object":
      return `mapping to ${typeName(asSchema(schema.additionalProperties) ?? {})}`;
    default:
      return schema.type ?? "any";
  }
}

function defaultText(value: unknown): string {
  if (typeof value === "object" || value === "" || value === undefined) return "";
  return `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
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

function propertiesOf(schema: JsonSchema): [string, JsonSchema][] {
  return Object.entries(schema.properties ?? {}).map(([key, property]) => [
    key,
    asSchema(property) ?? {},
  ]);
}
