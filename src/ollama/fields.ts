import { z } from "zod";
import { invalidRequest } from "../errors.ts";

/** `null` means absence everywhere, as in Go. */
export const optional = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((value) => value ?? undefined);

export const text = optional(z.string());

/**
 * The known fields of a body under their own names: Go's decoder, which real Ollama uses, matches
 * keys without regard to case and takes `null` for an empty object.
 */
export function foldKeys(
  body: unknown,
  known: Readonly<Record<string, unknown>>,
  path = "request body",
): { fields: Record<string, unknown>; unknown: string[] } {
  if (body === null) return { fields: {}, unknown: [] };
  if (!isRecord(body)) {
    throw invalidRequest(`${path}: expected object, received ${jsonType(body)}`);
  }
  const fields: Record<string, unknown> = {};
  const unknown: string[] = [];
  for (const [key, value] of Object.entries(body)) {
    const name = Object.hasOwn(known, key) ? key : key.toLowerCase();
    if (Object.hasOwn(known, name)) fields[name] = value;
    else if (value !== null) unknown.push(key);
  }
  return { fields, unknown };
}

/** @throws ProxyError 400 that names the field. */
export function check<T>(schema: z.ZodType<T>, value: unknown, path = ""): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = [path, ...(issue?.path ?? [])].reduce<string>(joinPath, "");
  throw invalidRequest(
    `${where}: ${(issue?.message ?? "invalid").replace("Invalid input: ", "").replace("record", "object")}`,
  );
}

function joinPath(path: string, key: PropertyKey): string {
  if (typeof key === "number") return `${path}[${key}]`;
  return path === "" ? String(key) : `${path}.${String(key)}`;
}

function jsonType(value: unknown): string {
  return Array.isArray(value) ? "array" : typeof value;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
