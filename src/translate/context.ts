import { deflateSync, inflateSync } from "node:zlib";
import type { Message } from "../ollama/requests.ts";
import { asArray, asText, parseJson } from "../openai/json.ts";

/** "OP" and the version of the layout: what a foreign array will not begin with. */
const magic = 0x4f5001;
const bytesPerNumber = 3;
const maxBytes = 64 * 1024;

type Turn = Pick<Message, "role" | "content">;

/**
 * The conversation as the `context` numbers of `/api/generate`. Real Ollama gives token ids; nobody
 * but the server reads them, so ours hold the turns themselves, compressed: real memory, and still
 * no state here. Layout: magic, byte length, then three bytes a number. The oldest turns are left
 * out when it would grow beyond 64 KiB.
 */
export function encodeContext(turns: readonly Turn[]): number[] {
  for (let first = 0; ; first += 1) {
    const kept = turns.slice(first).map(({ role, content }) => [role, content]);
    const bytes = deflateSync(JSON.stringify(kept));
    if (bytes.length <= maxBytes || kept.length === 0) return pack(bytes);
  }
}

/** The turns of an earlier answer, or undefined for an array that is foreign or damaged. */
export function decodeContext(context: readonly number[]): Turn[] | undefined {
  const [head, length, ...numbers] = context;
  if (head !== magic || length === undefined || length > maxBytes) return undefined;
  if (numbers.length !== Math.ceil(length / bytesPerNumber)) return undefined;
  const turns = parseJson(inflate(unpack(numbers, length)) ?? "");
  if (!Array.isArray(turns)) return undefined;
  return turns.flatMap((turn) => {
    const [role, content] = asArray(turn);
    return asText(role) === undefined || typeof content !== "string"
      ? []
      : [{ role: String(role), content }];
  });
}

function pack(bytes: Buffer): number[] {
  const numbers = [magic, bytes.length];
  for (let at = 0; at < bytes.length; at += bytesPerNumber) {
    numbers.push(((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0));
  }
  return numbers;
}

function unpack(numbers: readonly number[], length: number): Buffer {
  const bytes = Buffer.alloc(numbers.length * bytesPerNumber);
  numbers.forEach((number, at) => bytes.writeUIntBE(number & 0xff_ffff, at * bytesPerNumber, 3));
  return bytes.subarray(0, length);
}

/** Bounded, and checked by zlib's own checksum. */
function inflate(bytes: Buffer): string | undefined {
  try {
    return inflateSync(bytes, { maxOutputLength: 16 * 1024 * 1024 }).toString("utf8");
  } catch {
    return undefined;
  }
}
