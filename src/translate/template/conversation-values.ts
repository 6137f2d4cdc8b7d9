import { asArray, asObject, isObject, parseJson } from "../../openai/json.ts";
import {
  dictionaryOf,
  fromJson,
  listOf,
  structureOf,
  type Dictionary,
  type Structure,
  type Value,
} from "./values.ts";

export interface TemplateToolCall {
  readonly id?: string | undefined;
  readonly name: string;
  readonly arguments: unknown;
}

export interface TemplateMessage {
  readonly role: string;
  readonly content: string;
  readonly thinking?: string | undefined;
  readonly toolCalls?: readonly TemplateToolCall[] | undefined;
  readonly toolName?: string | undefined;
  readonly toolCallId?: string | undefined;
}

/** What templates see of a message: the fields of Ollama's, under their names in Go. */
export function messageValue(message: TemplateMessage): Structure {
  return structureOf("*template.templateMessage", {
    Role: message.role,
    Content: message.content,
    Thinking: message.thinking ?? "",
    // Text completions take no images.
    Images: listOf([], "[]api.ImageData"),
    ToolCalls: listOf((message.toolCalls ?? []).map(toolCallValue), "[]template.templateToolCall"),
    ToolName: message.toolName ?? "",
    ToolCallID: message.toolCallId ?? "",
  });
}

function toolCallValue(call: TemplateToolCall, index: number): Structure {
  return structureOf("template.templateToolCall", {
    ID: call.id ?? "",
    Function: structureOf("template.templateToolCallFunction", {
      Index: BigInt(index),
      Name: call.name,
      Arguments: argumentsValue(call.arguments),
    }),
  });
}

/** Some clients send the arguments as text, as OpenAI's API has them. */
function argumentsValue(given: unknown): Dictionary {
  const json = typeof given === "string" ? parseJson(given) : given;
  const entries = Object.entries(asObject(json) ?? {});
  const values = entries.map(([key, value]) => [key, fromJson(value)] as const);
  return { ...dictionaryOf(values), type: "template.templateArgs", printing: "json" };
}

type Read = (json: unknown) => Value;

/** A field of a struct that Go reads from JSON, and writes again. */
interface Member {
  readonly name: string;
  readonly key: string;
  readonly read: Read;
  /** Go's `omitempty`. */
  readonly omitEmpty: boolean;
}

function member(name: string, key: string, read: Read, omit?: "omit empty"): Member {
  return { name, key, read, omitEmpty: omit !== undefined };
}

const text: Read = (json) => (typeof json === "string" ? json : "");
const texts: Read = (json) => listOf(asArray(json).map(text), "[]string");
const anyList: Read = (json) => listOf(asArray(json).map(fromJson));

/** A name, or a list of them. */
const types: Read = (json) => ({
  kind: "list",
  type: "api.PropertyType",
  items: (typeof json === "string" ? [json] : asArray(json)).map(text),
  printing: "lone",
});

/** In the order of their names, as a map of Go. */
const properties: Read = (json) =>
  isObject(json)
    ? {
        ...dictionaryOf(Object.entries(json).map(([key, value]) => [key, property(value)])),
        type: "template.templateProperties",
        printing: "json",
      }
    : null;

/** In the order of the request, as Ollama's own map. */
const innerProperties: Read = (json) =>
  isObject(json)
    ? {
        kind: "dictionary",
        type: "*api.ToolPropertiesMap",
        entries: new Map(Object.entries(json).map(([key, value]) => [key, property(value)])),
        printing: "json",
      }
    : null;

const propertyMembers: readonly Member[] = [
  member("AnyOf", "anyOf", (json) => listOf(asArray(json).map(property)), "omit empty"),
  member("Type", "type", types, "omit empty"),
  member("Items", "items", fromJson, "omit empty"),
  member("Description", "description", text, "omit empty"),
  member("Enum", "enum", anyList, "omit empty"),
  member("Properties", "properties", innerProperties, "omit empty"),
  member("Required", "required", texts, "omit empty"),
];

const parameterMembers: readonly Member[] = [
  member("Type", "type", text),
  member("Defs", "$defs", fromJson, "omit empty"),
  member("Items", "items", fromJson, "omit empty"),
  member("Required", "required", texts, "omit empty"),
  member("Properties", "properties", properties),
];

const functionMembers: readonly Member[] = [
  member("Name", "name", text),
  member("Description", "description", text),
  member("Parameters", "parameters", jsonStructure("api.ToolFunctionParameters", parameterMembers)),
];

const toolMembers: readonly Member[] = [
  member("Type", "type", text),
  member("Items", "items", fromJson, "omit empty"),
  member("Function", "function", jsonStructure("api.ToolFunction", functionMembers)),
];

const tool = jsonStructure("template.templateTool", toolMembers);

/** Only the fields that Ollama knows, in its order, so that models read what they were tuned on. */
export function toolsValue(tools: readonly unknown[]): Value {
  return { ...listOf(tools.map(tool), "template.templateTools"), printing: "json" };
}

function property(json: unknown): Structure {
  return structure("api.ToolProperty", propertyMembers, json);
}

/**
 * One that prints as JSON. Ollama 0.34 prints a tool so, but a function or its parameters as Go
 * does, `{name text {object …}}`; templates (Qwen's) were written when it printed them as JSON.
 */
function jsonStructure(type: string, members: readonly Member[]): Read {
  return (json) => ({ ...structure(type, members, json), printing: "json" });
}

function structure(type: string, members: readonly Member[], json: unknown): Structure {
  const object = asObject(json) ?? {};
  const fields = members.map(({ name, key, read, omitEmpty }) => {
    const value = read(Object.hasOwn(object, key) ? object[key] : undefined);
    return { name, key, value, omitted: omitEmpty && isEmpty(value) };
  });
  return { kind: "structure", type, fields };
}

/** Empty for `omitempty`: an empty list or text, and nil. */
function isEmpty(value: Value): boolean {
  if (typeof value === "object" && value?.kind === "list") return value.items.length === 0;
  return value === null || value === "";
}
