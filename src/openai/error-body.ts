import { ProxyError, type Refusal } from "../errors.ts";
import { asArray, asObject, asText, isObject, parseJson, type JsonObject } from "./json.ts";

const maxMessageLength = 1024;
/** Of errors in errors, some of them JSON as text. */
const maxLevels = 8;

/**
 * What any error body that OpenAI-compatible backends are known to send tells: an object with
 * `error`, `message`, `detail`, `errors`, `base_resp`, `fault` or `title`, an array of one, text, or
 * nothing. Markup has no message.
 */
export function parseErrorBody(body: string): Refusal {
  const parsed = parseJson(body);
  return refusalOf(parsed, parsed === undefined ? plainText(body) : messageOf(parsed));
}

/** A failure that a backend told in a success response or in a stream, as JSON or as text. */
export function toBackendError(told: unknown): ProxyError {
  const refusal = refusalOf(told, messageOf(told));
  const { status, message } = refusal;
  return new ProxyError("upstream_failed", message === "" ? "the backend failed" : message, {
    refusal,
    ...(status === undefined ? {} : { status }),
  });
}

/** Whether JSON that came with a success status is an error all the same. */
export function isErrorObject(value: unknown): boolean {
  const [first] = Array.isArray(value) ? (value as unknown[]) : [value];
  return isObject(first) && tellsError(first);
}

function tellsError(value: JsonObject): boolean {
  if (value["object"] === "error" || value["type"] === "error") return true;
  if (value["error"]) return true;
  if (asArray(value["choices"]).length > 0) return false;
  const { status_code: minimax = 0 } = asObject(value["base_resp"]) ?? {};
  return minimax !== 0 || value["success"] === false || isFlatError(value);
}

/** `{message, type, code}`, where the type says that it is one, or the code is a status. */
function isFlatError({ message, type, code }: JsonObject): boolean {
  if (typeof message !== "string") return false;
  return toStatus(code) !== undefined || (typeof type === "string" && /error$/i.test(type));
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
    const where = asArray(asObject(entry)?.["loc"])
      .filter((step) => typeof step === "string" || typeof step === "number")
      .join(".");
    const what = asText(asObject(entry)?.["msg"]) ?? "invalid";
    return where === "" ? what : `${where}: ${what}`;
  });
  return parts.length === 0 ? undefined : parts.join("; ");
}

function refusalOf(told: unknown, message: string | undefined): Refusal {
  const levels = levelsOf(told);
  const innermost = levels.toReversed();
  const param = firstOf(innermost, (level) => asText(level["param"]));
  const code = firstOf(innermost, codeOf);
  return {
    status: firstOf(levels, statusOf),
    message: oneLine(message ?? ""),
    ...(param === undefined ? {} : { param: oneLine(withoutBody(param)) }),
    ...(code === undefined ? {} : { code: oneLine(code) }),
    locations: levels.flatMap(locationsOf),
  };
}

/** Every object that may tell something of the failure, the outermost first. */
function levelsOf(told: unknown, levels = maxLevels): JsonObject[] {
  if (levels === 0) return [];
  const value: unknown = Array.isArray(told) ? told[0] : told;
  const object = typeof value === "string" ? parseJson(value) : value;
  if (!isObject(object)) return [];
  const { error, errors, detail, fault, base_resp: response } = object;
  const raw = asObject(object["metadata"])?.["raw"];
  const inner = [error, errors, detail, fault, response, raw];
  return [object, ...inner.flatMap((member) => levelsOf(member, levels - 1))];
}

function firstOf<Found>(
  levels: readonly JsonObject[],
  find: (level: JsonObject) => Found | undefined,
): Found | undefined {
  for (const level of levels) {
    const found = find(level);
    if (found !== undefined) return found;
  }
  return undefined;
}

function statusOf({ code, status, statusCode }: JsonObject): number | undefined {
  return toStatus(code) ?? toStatus(status) ?? toStatus(statusCode);
}

function toStatus(value: unknown): number | undefined {
  const status = typeof value === "string" ? Number(value) : value;
  const isStatus = Number.isInteger(status) && Number(status) >= 400 && Number(status) <= 599;
  return isStatus ? Number(status) : undefined;
}

/** What names the kind of failure, in the first field that says more than the status does. */
function codeOf(level: JsonObject): string | undefined {
  for (const field of ["code", "status", "reason", "status_code", "error_type", "type"]) {
    const value = level[field];
    const told = typeof value === "number" ? String(value) : asText(value);
    if (told !== undefined && toStatus(told) === undefined) return told;
  }
  return undefined;
}

/** FastAPI: `detail: [{loc: ["body", "x"]}]`; Google: `details: [{fieldViolations: [{field}]}]`. */
function locationsOf(level: JsonObject): string[] {
  const places = asArray(level["detail"]).map((entry) => asObject(entry)?.["loc"]);
  const violations = asArray(level["details"]).flatMap((entry) =>
    asArray(asObject(entry)?.["fieldViolations"]),
  );
  const named = [
    ...places.map((place) => (Array.isArray(place) ? place.findLast(isText) : place)),
    ...violations.map((violation) => asObject(violation)?.["field"]),
  ];
  return named
    .filter(isText)
    .map((name) => oneLine(withoutBody(name)))
    .filter((name) => name !== "" && name !== "body");
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function withoutBody(name: string): string {
  return name.replace(/^body\./, "");
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
