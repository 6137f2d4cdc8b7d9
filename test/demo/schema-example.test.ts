import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { createExample } from "../../src/demo/schema-example.ts";

const node = {
  type: "object",
  properties: {
    name: { type: "string" },
    next: { anyOf: [{ $ref: "#/$defs/node" }, { type: "null" }] },
    children: { type: "array", items: { $ref: "#/$defs/node" } },
  },
  required: ["name", "next", "children"],
};

/** A schema of some twenty lines whose smallest instance has a million values. */
const doubling = {
  $ref: "#/$defs/0",
  $defs: Object.fromEntries(
    Array.from({ length: 20 }, (_, level) => [
      level,
      {
        type: "object",
        properties: { a: { $ref: `#/$defs/${level + 1}` }, b: { $ref: `#/$defs/${level + 1}` } },
      },
    ]),
  ),
};

describe("an example fits its schema:", () => {
  test.for<[name: string, schema: object, example: unknown]>([
    ["string", { type: "string" }, "Paris"],
    ["length", { type: "string", minLength: 7, maxLength: 8 }, "Paris--"],
    ["shorter", { type: "string", maxLength: 2 }, "Pa"],
    ["date", { type: "string", format: "date" }, "2025-01-01"],
    ["integer", { type: "integer" }, 1],
    ["range", { type: "number", minimum: 5, maximum: 9 }, 5],
    ["open range", { type: "integer", exclusiveMinimum: 5 }, 6],
    ["below zero", { type: "number", maximum: -3 }, -3],
    ["boolean", { type: "boolean" }, true],
    ["null", { type: "null" }, null],
    ["nullable", { type: ["null", "integer"] }, 1],
    ["const", { const: "fixed" }, "fixed"],
    ["enum", { type: "string", enum: ["b", "a"] }, "b"],
    ["anyOf", { anyOf: [{ type: "integer" }, { type: "string" }] }, 1],
    ["array", { type: "array", items: { type: "integer" }, minItems: 2 }, [1, 1]],
    [
      "tuple",
      { type: "array", prefixItems: [{ type: "integer" }, { type: "string" }] },
      [1, "Paris"],
    ],
    [
      "required properties only",
      { type: "object", properties: { a: { type: "integer" }, b: {} }, required: ["a"] },
      { a: 1 },
    ],
    [
      "all properties where none is required",
      { properties: { a: { type: "integer" }, b: { type: "boolean" } } },
      { a: 1, b: true },
    ],
    [
      "nested",
      { type: "object", properties: { a: { type: "object", properties: { b: { enum: [2] } } } } },
      { a: { b: 2 } },
    ],
    ["reference", { $ref: "#/$defs/a~1b", $defs: { "a/b": { type: "integer" } } }, 1],
    [
      "circle",
      { $ref: "#/$defs/node", $defs: { node } },
      { name: "Paris", next: null, children: [] },
    ],
    ["nothing said", {}, "Paris"],
  ])("%s", ([, schema, example]) => {
    expect(createExample(schema, "Paris")).toEqual(example);
    expect(new Ajv({ strict: false, validateFormats: false }).validate(schema, example)).toBe(true);
  });
});

test.for([
  ["an endless one", doubling],
  ["a long array", { type: "array", items: { type: "array", items: {}, minItems: 1e9 } }],
])("refuses %s", ([, schema]) => {
  expect(() => createExample(schema, "x")).toThrow("too large");
});

test("takes a property named __proto__ for what it is", () => {
  const schema: unknown = JSON.parse('{"properties":{"__proto__":{"type":"integer"}}}');
  expect(JSON.stringify(createExample(schema, "x"))).toBe('{"__proto__":1}');
});
