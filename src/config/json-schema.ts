import { z } from "zod";
import { configSchema } from "./schema.ts";

export type JsonSchema = z.core.JSONSchema.JSONSchema;

/** The configuration file as a JSON Schema, of the draft that editors know for YAML. */
export function configurationJsonSchema(): JsonSchema {
  const { $schema, ...schema } = z.toJSONSchema(configSchema, {
    io: "input",
    target: "draft-07",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema instanceof z.ZodDefault) tellDefault(jsonSchema, zodSchema.def.defaultValue);
      if (jsonSchema.format === "uri") takePlaceholders(jsonSchema);
    },
  });
  return { $schema, title: "Configuration of ollama-openai-proxy", ...schema } as JsonSchema;
}

/** The only setting type with alternatives of such kinds: seconds, or a text with a unit. */
export function isDuration({ anyOf = [] }: JsonSchema): boolean {
  return (
    anyOf.some((alternative) => asSchema(alternative)?.type === "number") &&
    anyOf.some((alternative) => asSchema(alternative)?.pattern !== undefined)
  );
}

export function asSchema(value: unknown): JsonSchema | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as JsonSchema)
    : undefined;
}

/** A default is what becomes of a setting; of a duration that is milliseconds, not what is written. */
function tellDefault(schema: JsonSchema, value: unknown): void {
  const isTime = isDuration(schema) && typeof value === "number";
  schema.default = isTime ? durationText(value) : value;
}

function durationText(milliseconds: number): string {
  if (milliseconds % 60_000 === 0) return `${milliseconds / 60_000}m`;
  return milliseconds % 1000 === 0 ? `${milliseconds / 1000}s` : `${milliseconds}ms`;
}

/** Editors would take `${URL}` for no URL. */
function takePlaceholders(schema: JsonSchema): void {
  delete schema.format;
  schema.pattern = String.raw`^(https?://|\$\{)`;
}
