import { ProxyError } from "../errors.ts";
import { asArray, asObject, asText, isObject, parseJson, type JsonObject } from "./json.ts";

const maxMessageLength = 1024;
/** Of errors in errors, some of them JSON as text. */
const maxLevels = 8;

/** What a backend says of a failure: one printable line, and the status its body names. */
export interface BackendError {
  readonly message: string;
  readonly status: number | undefined;
}

/**
 * The message in any error body that OpenAI-compatible backends are known to send: an object with
 * `error`, `message`, `detail`, `errors`, `base_resp`, `fault` or `title`, an array of one, text, or
 * nothing. Markup has no message.
 */
export function parseErrorBody(body: string): BackendError {
  const parsed = parseJson(body);
  const message = parsed === undefined ? plainText(body) : messageOf(parsed);
  return { message: oneLine(message ?? ""), status: statusOf(parsed) };
}

/** A failure that a backend told in a success response or in a stream, from its parsed JSON. */
export function toBackendError(parsed: unknown): ProxyError {
  const message = oneLine(messageOf(parsed) ?? "");
  const status = statusOf(parsed);
  return new ProxyError(
    "upstream_failed",
    message === "" ? "the backend failed" : message,
    status === undefined ? {} : { status },
  );
}

/** Whether JSON that came with a success status is an error all the same. */
export function isErrorObject(value: unknown): boolean {
  const [first] = Array.isArray(value) ? (value as unknown[]) : [value];
  return isObject(first) && tellsError(first);
}

function tellsError(value: JsonObject): boolean {
  if (value["object"] === "error" || value["type"] === "error") return true;
  if (value["error"] !== undefined && value["error"] !== null && value["error"] !== "") return true;
  return (
    value["choices"] === undefined && asObject(value["base_resp"])?.["status_msg"] !== undefined
  );
}

function messageOf(value: unknown, levels = maxLevels): string | undefined {
  if (levels === 0) return undefined;
  const inner = (member: unknown) => messageOf(member, levels - 1);
  if (typeof value === "string") {
    const nested = parseJson(value);
    return isObject(nested) || Array.isArray(nested) ? inner(nested) : value;
  }
  if (Array.isArray(value)) return inner(value[0]);
  if (!isObject(value)) return undefined;
  const error = value["error"];
  if (isObject(error)) return withRaw(error, inner);
  return (
    (typeof error === "string" && error !== "" ? inner(error) : undefined) ??
    asText(value["message"]) ??
    detailOf(value["detail"], inner) ??
    asText(asObject(asArray(value["errors"])[0])?.["message"]) ??
    asText(asObject(value["base_resp"])?.["status_msg"]) ??
    asText(asObject(value["fault"])?.["faultstring"]) ??
    asText(value["title"])
  );
}

/** OpenRouter says only "Provider returned error"; the cause is in `metadata.raw`. */
function withRaw(error: JsonObject, inner: typeof messageOf): string | undefined {
  const message = asText(error["message"]) ?? asText(error["type"]);
  const raw = inner(asObject(error["metadata"])?.["raw"]);
  return raw === undefined ? message : `${message ?? "error"}: ${raw}`;
}

/** FastAPI: a text, or a list of `{loc, msg}`. */
function detailOf(detail: unknown, inner: typeof messageOf): string | undefined {
  if (!Array.isArray(detail)) return inner(detail);
  const parts = detail.map((entry) => {
    const where = asArray(asObject(entry)?.["loc"]).join(".");
    const what = asText(asObject(entry)?.["msg"]) ?? "invalid";
    return where === "" ? what : `${where}: ${what}`;
  });
  return parts.length === 0 ? undefined : parts.join("; ");
}

function statusOf(value: unknown): number | undefined {
  const object = asObject(Array.isArray(value) ? value[0] : value);
  const error = asObject(object?.["error"]);
  for (const candidate of [
    error?.["code"],
    error?.["status"],
    object?.["code"],
    object?.["status"],
  ]) {
    const status = Number(candidate);
    if (Number.isInteger(status) && status >= 400 && status <= 599) return status;
  }
  return undefined;
}

function plainText(body: string): string | undefined {
  const text = body.trim();
  return text === "" || text.startsWith("<") ? undefined : text;
}

function oneLine(text: string): string {
  const printable = text
    .replace(/\p{Cc}\[[0-9;]*[A-Za-z]/gu, "")
    .replace(/[\p{Cc}\u2028\u2029]+/gu, " ")
    .trim();
  const told =
    printable.length > maxMessageLength
      ? `${printable.slice(0, maxMessageLength - 1)}…`
      : printable;
  return told.toWellFormed();
}
