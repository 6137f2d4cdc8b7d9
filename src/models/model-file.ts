import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { ProxyError } from "../errors.ts";
import { check } from "../ollama/fields.ts";
import { comparableName } from "../ollama/model-name.ts";
import { virtualModelSchema, type VirtualModel } from "./virtual-model.ts";

/** Far more than any Modelfile; a bound on the memory that one file can cost. */
const maxBytes = 8 * 1024 * 1024;
const maxSlugLength = 60;

/** A file's model, or in a few words, none of them from the file, why it has none. */
export type FileContent = { readonly model: VirtualModel } | { readonly defect: string };

/**
 * One short name for each model, whatever its name: a readable part for people, a hash to tell
 * apart what that part does not. The name inside the file is the model's.
 */
export function modelFileName(name: string): string {
  const comparable = comparableName(name);
  const slug = comparable
    .replaceAll(/[^a-z0-9._]+/g, "-")
    .replace(/^[.-]+/, "")
    .slice(0, maxSlugLength);
  const hash = createHash("sha256").update(comparable).digest("hex").slice(0, 16);
  return `${slug}-${hash}.json`;
}

/** @throws ProxyError for what would not be read again */
export function printModel(model: VirtualModel): string {
  const text = `${JSON.stringify(check(virtualModelSchema, model), null, 2)}\n`;
  if (Buffer.byteLength(text) <= maxBytes) return text;
  throw new ProxyError("body_too_large", "the model is too large to be kept");
}

/**
 * Reads a file that was a regular one a moment ago; should it have become a link or a pipe since,
 * it is not followed, and nobody waits for it.
 * @throws system errors
 */
export async function readModelFile(path: string, fileName: string): Promise<FileContent> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) return { defect: "not a regular file" };
    if (stats.size > maxBytes) return { defect: "too large" };
    const buffer = Buffer.alloc(stats.size);
    const { bytesRead } = await file.read(buffer, 0, stats.size, 0);
    return parseModelFile(buffer.subarray(0, bytesRead), fileName);
  } finally {
    await file.close();
  }
}

function parseModelFile(bytes: Uint8Array, fileName: string): FileContent {
  let value: unknown;
  try {
    // Drops the byte order mark that some editors write.
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return { defect: "not JSON" };
  }
  const { data: model, error } = virtualModelSchema.safeParse(value);
  if (error !== undefined) {
    // The first step of a path is one of our own field names; the others may be the file's.
    const [field] = error.issues[0]?.path ?? [];
    return { defect: field === undefined ? "not a model" : `wrong ${String(field)}` };
  }
  return modelFileName(model.name) === fileName
    ? { model }
    : { defect: "its name belongs to another file" };
}
