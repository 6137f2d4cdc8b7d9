import type { IncomingMessage } from "node:http";
import { ApiError } from "./api-error.ts";
import { isJsonObject, type JsonObject } from "./json-values.ts";

/** Room for a few images. */
const MAX_BYTES = 64 * 1024 * 1024;

export async function readJsonBody(request: IncomingMessage): Promise<JsonObject> {
  const body = parse(await readText(request));
  if (!isJsonObject(body))
    throw new ApiError(400, "The body of the request must be a JSON object.");
  return body;
}

/** Reads a body that is too long to its end all the same: a client that still sends does not listen. */
async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length <= MAX_BYTES) chunks.push(chunk);
  }
  if (length > MAX_BYTES) throw new ApiError(413, `The body is longer than ${MAX_BYTES} bytes.`);
  return Buffer.concat(chunks).toString("utf8");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(400, "The body of the request is not valid JSON.");
  }
}
