import type { Dialect, FormatStep } from "../dialects/dialect.ts";
import type { Format } from "../ollama/requests.ts";
import { asArray, isObject, type JsonObject } from "../openai/json.ts";
import type { Lowered } from "./backend.ts";

export interface LoweredFormat extends Lowered {
  /** To be said in the prompt, where fields do not say it all. */
  readonly instruction: string | undefined;
}

const anyObject = { type: "object" };

/** `format` by the first way in the dialect's list; a refusal shortens the list. */
export function lowerFormat(format: Format | undefined, dialect: Dialect): LoweredFormat {
  if (format === undefined) return { fields: {}, ignored: [], instruction: undefined };
  const isSchema = format !== "json";
  const [step] = isSchema ? dialect.schema : dialect.json;
  const schema = isSchema ? format : anyObject;
  const enforced = step !== undefined && step !== "prompt" && (!isSchema || step !== "json_object");
  return {
    fields: step === undefined ? {} : toFields(step, schema, isSchema, dialect),
    ignored: enforced ? [] : ["format"],
    instruction: enforced ? undefined : instructionFor(format),
  };
}

function toFields(
  step: FormatStep,
  schema: JsonObject,
  isSchema: boolean,
  { strict_schema }: Dialect,
): JsonObject {
  switch (step) {
    case "json_object":
      return { response_format: { type: "json_object" } };
    case "json_schema": {
      const strict = strict_schema && isSchema && followsStrictRules(schema);
      const json_schema = { name: "response", schema, ...(strict ? { strict: true } : {}) };
      return { response_format: { type: "json_schema", json_schema } };
    }
    case "json_object_schema":
      return { response_format: { type: "json_object", ...(isSchema ? { schema } : {}) } };
    case "json_value":
      return { response_format: { type: "json", value: schema } };
    case "top_level_schema":
      return { json_schema: schema };
    case "prompt":
      return {};
  }
}

function instructionFor(format: Format): string {
  if (format === "json") return "Answer with JSON and nothing else.";
  return `Answer with JSON that fits this JSON schema, and nothing else: ${JSON.stringify(format)}`;
}

/** OpenAI: every object closed, and every property required. */
function followsStrictRules(schema: unknown, depth = 0): boolean {
  if (Array.isArray(schema)) return schema.every((item) => followsStrictRules(item, depth + 1));
  if (!isObject(schema)) return true;
  if (depth > 32 || "default" in schema) return false;
  const properties = schema["properties"];
  if (schema["type"] === "object" || properties !== undefined) {
    const names = isObject(properties) ? Object.keys(properties) : [];
    const required = new Set(asArray(schema["required"]));
    if (schema["additionalProperties"] !== false) return false;
    if (required.size !== names.length || !names.every((name) => required.has(name))) return false;
  }
  const inner = isObject(properties) ? Object.values(properties) : [];
  const others = Object.entries(schema).flatMap(([key, value]) =>
    key === "properties" || key === "enum" || key === "const" ? [] : [value],
  );
  return [...inner, ...others].every((part) => followsStrictRules(part, depth + 1));
}
