import { isObject, type Json } from "../support/ndjson.ts";
import { linesOf, withoutGap } from "./recorded-backend.ts";

/** One answer as far as two servers can be compared. */
export interface Compared {
  status: number;
  headers: Record<string, string>;
  body: string;
}

const COMPARED_HEADERS = /^(?:content-type|allow|location|vary|transfer-encoding|access-control-)/u;

/**
 * What depends on the machine, the hour or the model files is replaced by what it is: the member,
 * its place and its type are compared, its value is not.
 */
const MASKS: readonly [member: RegExp, mask: string, isWell: (value: Json) => boolean][] = [
  [/^(?:created|modified|expires)_at$/u, "<time>", isTime],
  [/_duration$/u, "<nanoseconds>", isPositive],
  [/^(?:size|size_vram)$/u, "<bytes>", (value) => value === 0 || isPositive(value)],
  [/^digest$/u, "<digest>", (value) => /^[0-9a-f]{64}$/u.test(textOf(value))],
  [/^context$/u, "<tokens>", (value) => Array.isArray(value) && value.every(Number.isInteger)],
  [/^(?:modelfile|template|parameters)$/u, "<text>", isText],
  [/^(?:family|format|parameter_size|quantization_level)$/u, "<text>", isText],
  [/^parent_model$/u, "<text or empty>", (value) => typeof value === "string"],
  [/^families$/u, "<texts>", (value) => Array.isArray(value) && value.every(isText)],
  [/^model_info$/u, "<model_info>", hasModelInfo],
];

/** Only in lists and cards of models; in `/api/ps` it is what the model runs with. */
const CARD_MASKS: typeof MASKS = [
  [/^(?:context_length|embedding_length)$/u, "<count>", isPositive],
];

export function comparable(path: string, { status, headers, body }: Compared): Compared {
  const kept = Object.entries(headers).filter(([name]) => COMPARED_HEADERS.test(name));
  return {
    status,
    headers: Object.fromEntries(kept.toSorted(([a], [b]) => (a < b ? -1 : 1))),
    body: path.startsWith("/v1/") ? passedBody(body) : comparableBody(path, body),
  };
}

/** What a backend says on `/v1` is compared to the byte; the id of a request is new each time. */
function passedBody(body: string): string {
  return withoutGap(body).replace(/"request_id":"req_[0-9a-f]{24}"/u, '"request_id":"<id>"');
}

function comparableBody(path: string, body: string): string {
  if (!body.includes('{"')) return body;
  const masks = path.startsWith("/api/tags") ? [...MASKS, ...CARD_MASKS] : MASKS;
  const events = body.startsWith("data: ");
  try {
    const lines = linesOf(body).map((line) => JSON.stringify(masked(line, masks)));
    return lines.map((line) => (events ? `data: ${line}\n\n` : `${line}\n`)).join("");
  } catch {
    return "<cut short>";
  }
}

function masked(value: Json, masks: typeof MASKS): Json {
  if (Array.isArray(value)) return value.map((item) => masked(item, masks));
  if (!isObject(value)) return value;
  const members = Object.entries(value).map(([name, member]): [string, Json] => {
    const mask = masks.find(([pattern]) => pattern.test(name));
    if (mask) return [name, mask[2](member) ? mask[1] : member];
    return [name, masked(member, masks)];
  });
  return Object.fromEntries(members);
}

function isTime(value: Json): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/u.test(textOf(value));
}

function isPositive(value: Json): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0;
}

function isText(value: Json): boolean {
  return textOf(value) !== "";
}

function textOf(value: Json): string {
  return typeof value === "string" ? value : "";
}

function hasModelInfo(value: Json): boolean {
  if (!isObject(value)) return false;
  const architecture = textOf(value["general.architecture"] ?? null);
  const length = value[`${architecture}.context_length`] ?? null;
  return isPositive(length) && isPositive(value["general.parameter_count"] ?? 1);
}

/** What a difference may look at to know whether it concerns a recorded case. */
interface Case {
  case: string;
  path: string;
  status?: number;
  reply_headers?: Record<string, string>;
}

/** A deliberate difference: it replaces what was recorded by what we answer. */
export interface Difference {
  /** Names of recorded cases, or what they have in common. */
  cases: readonly string[] | RegExp | ((recorded: Case) => boolean);
  /** For whoever compares us with Ollama. */
  reason: string;
  status?: number;
  /** `undefined` takes a header away. */
  headers?: Record<string, string | undefined>;
  /** The body, a pattern of it, or the recorded body changed; one JSON object is a line. */
  body?: string | RegExp | ((recorded: string) => string);
}

export interface Expected extends Omit<Compared, "body"> {
  body: string | RegExp;
}

export function concerns({ cases }: Pick<Difference, "cases">, recorded: Case): boolean {
  if (typeof cases === "function") return cases(recorded);
  return cases instanceof RegExp ? cases.test(recorded.case) : cases.includes(recorded.case);
}

/** What we have to answer: the recorded answer with all that differs on purpose. */
export function expectedOf(recorded: Compared, differences: readonly Difference[]): Expected {
  return differences.reduce<Expected>(apply, recorded);
}

/** Whether a difference still says anything of an answer. */
export function changes(recorded: Compared, difference: Difference): boolean {
  return JSON.stringify(apply(recorded, difference)) !== JSON.stringify(recorded);
}

function apply(expected: Expected, difference: Difference): Expected {
  const headers = Object.entries({ ...expected.headers, ...difference.headers });
  const body = difference.body ?? expected.body;
  return {
    status: difference.status ?? expected.status,
    headers: Object.fromEntries(
      headers.filter((entry): entry is [string, string] => entry[1] !== undefined),
    ),
    body: typeof body === "function" ? body(bodyText(expected.body)) : body,
  };
}

function bodyText(body: string | RegExp): string {
  if (body instanceof RegExp) throw new Error("a pattern can't be changed any more");
  return body;
}
