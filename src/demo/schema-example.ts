import { ApiError } from "./api-error.ts";
import { asArray, asObject, asStrings, isJsonObject, type JsonObject } from "./json-values.ts";

/** References can make a small schema describe an endless value; also the limit of any length. */
const MAX_VALUES = 10_000;

const FORMATS: Readonly<Record<string, string>> = {
  date: "2025-01-01",
  "date-time": "2025-01-01T12:00:00Z",
  time: "12:00:00Z",
  email: "demo@example.com",
  uri: "https://example.com/",
  uuid: "00000000-0000-4000-8000-000000000000",
};

/**
 * A value that a JSON schema describes. Strings are the given word where the schema allows it, and
 * an object has its required properties, or all of them where none is required.
 */
export function createExample(schema: unknown, word: string): unknown {
  let values = 0;
  return exampleOf(schema, ["#"]);

  /** Answers undefined where a reference leads back into a schema that is still being followed. */
  function exampleOf(part: unknown, openReferences: readonly string[]): unknown {
    values += 1;
    if (values > MAX_VALUES)
      throw new ApiError(400, "The JSON schema describes too large a value.");

    const rules = asObject(part);
    const { $ref: reference, const: constant, enum: choices } = rules;
    if (typeof reference === "string") {
      return openReferences.includes(reference)
        ? undefined
        : exampleOf(resolve(schema, reference), [...openReferences, reference]);
    }
    if (constant !== undefined) return constant;
    if (Array.isArray(choices)) return choices[0];

    const alternatives = rules["anyOf"] ?? rules["oneOf"] ?? rules["allOf"];
    for (const alternative of asArray(alternatives)) {
      const example = exampleOf(alternative, openReferences);
      if (example !== undefined) return example;
    }

    switch (typeOf(rules)) {
      case "object":
        return objectOf(rules, openReferences);
      case "array":
        return arrayOf(rules, openReferences);
      case "integer":
      case "number":
        return numberOf(rules);
      case "boolean":
        return true;
      case "null":
        return null;
      default:
        return stringOf(rules, word);
    }
  }

  function objectOf({ properties, required }: JsonObject, openReferences: readonly string[]) {
    const schemas = asObject(properties);
    const names = asStrings(required);
    return Object.fromEntries(
      (names.length > 0 ? names : Object.keys(schemas))
        .map((name) => [name, exampleOf(schemas[name], openReferences)])
        .filter(([, example]) => example !== undefined),
    );
  }

  function arrayOf(
    { prefixItems, items, minItems }: JsonObject,
    openReferences: readonly string[],
  ) {
    const length = Math.min(Math.max(1, asNumber(minItems, 1)), MAX_VALUES);
    const schemas = Array.isArray(prefixItems) ? prefixItems : Array(length).fill(items);
    return schemas
      .map((item) => exampleOf(item, openReferences))
      .filter((example) => example !== undefined);
  }
}

/** The first type that says something, or the one that the other keywords imply. */
function typeOf(rules: JsonObject): string {
  const types = asStrings(rules["type"]);
  const implied = "properties" in rules ? "object" : "items" in rules ? "array" : "string";
  return types.find((type) => type !== "null") ?? types[0] ?? implied;
}

function numberOf({ minimum, exclusiveMinimum, maximum }: JsonObject): number {
  const least = Math.max(asNumber(minimum, -Infinity), asNumber(exclusiveMinimum, -Infinity) + 1);
  return Math.min(Math.max(1, least), asNumber(maximum, Infinity));
}

function stringOf({ format, minLength, maxLength }: JsonObject, word: string): string {
  const formatted = typeof format === "string" ? FORMATS[format] : undefined;
  return (
    formatted ??
    word
      .padEnd(Math.min(asNumber(minLength, 0), MAX_VALUES), "-")
      .slice(0, asNumber(maxLength, Infinity))
  );
}

function asNumber(value: unknown, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}

/** Follows a reference within the schema, such as `#/$defs/City` (RFC 6901). */
function resolve(schema: unknown, reference: string): unknown {
  return reference
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce<unknown>((part, step) => (isJsonObject(part) ? part[step] : undefined), schema);
}
