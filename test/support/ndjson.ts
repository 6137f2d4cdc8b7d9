import { ok, strictEqual } from "node:assert/strict";

export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

/** The longest line that the Ollama command line reads is 8 MiB; a margin is left. */
const LINE_LIMIT = 8_000_000;
const METRICS = [
  "total_duration",
  "load_duration",
  "prompt_eval_count",
  "prompt_eval_duration",
  "eval_count",
  "eval_duration",
] as const;
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/u;

/** Lines as strict as the strictest client reads them: see docs/COMPATIBILITY.md. */
export function parseNdjson(text: string): JsonObject[] {
  ok(text.endsWith("\n"), "the last line has no newline");
  const lines = text.slice(0, -1).split("\n");
  return lines.map((line, index) => parseObject(line, `line ${index + 1}`));
}

export interface SseBody {
  events: JsonObject[];
  comments: number;
}

/** `data: {…}` and a blank line per event, comments, and nothing else: no names, no `[DONE]`. */
export function parseSse(text: string): SseBody {
  ok(text.endsWith("\n\n"), "the last event has no blank line");
  const events: JsonObject[] = [];
  let comments = 0;
  for (const [index, event] of text.slice(0, -2).split("\n\n").entries()) {
    if (/^:[^\n]*$/u.test(event)) comments += 1;
    else {
      ok(event.startsWith("data: "), `event ${index + 1} is no data event: ${excerpt(event)}`);
      events.push(parseObject(event.slice("data: ".length), `event ${index + 1}`));
    }
  }
  return { events, comments };
}

function parseObject(text: string, where: string): JsonObject {
  ok(text.trim() !== "", `${where} is blank`);
  ok(!text.includes("\r"), `${where} has a carriage return`);
  ok(Buffer.byteLength(text) < LINE_LIMIT, `${where} is too long`);
  ok(!/[\u0085\u2028\u2029]/u.test(text), `${where} has a raw line separator`);
  const value = parseJson(text, where);
  ok(isObject(value), `${where} is no object: ${excerpt(text)}`);
  checkMembers(value, `${where}: $`);
  return value;
}

function parseJson(text: string, where: string): Json {
  try {
    const value: Json = JSON.parse(text);
    return value;
  } catch {
    throw new Error(`${where} is no JSON: ${excerpt(text)}`);
  }
}

/** No null but in the arguments of a call, where a model may well put one; no half character. */
function checkMembers(value: Json, path: string): void {
  ok(value !== null, `null at ${path}`);
  if (typeof value === "string") ok(!/\p{Surrogate}/u.test(value), `lone surrogate at ${path}`);
  if (typeof value !== "object") return;
  for (const [key, member] of Object.entries(value)) {
    if (key !== "arguments") checkMembers(member, `${path}.${key}`);
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Checks what every stream of Ollama lines keeps, whatever it says. */
export function checkStream(lines: readonly JsonObject[], kind: "chat" | "generate"): void {
  const last = lines.at(-1);
  ok(last, "the stream has no line");
  const indexes: Json[] = [];
  let worked = false;

  for (const [index, line] of lines.entries()) {
    const where = `line ${index + 1}`;
    const isLast: boolean = line === last;
    strictEqual(line["done"], isLast, `done of ${where}`);
    strictEqual("done_reason" in line, isLast, `done_reason in ${where}`);
    strictEqual(line["model"], last["model"], `model of ${where}`);
    strictEqual(line["created_at"], last["created_at"], `created_at of ${where}`);
    if (!isLast) ok(!("error" in line), `${where} has an error and is not the last`);
    const said = kind === "chat" ? chatText(line, where) : generateText(line, where);
    const piece: boolean = hasThinking(said.holder, where) || said.text !== "";
    const calls: boolean = hasCalls(said.holder, where, indexes);
    if (isLast) ok(!piece && !calls, "the last line has text or calls");
    worked ||= piece || calls;
  }

  ok(typeof last["model"] === "string" && last["model"] !== "", "model is a text");
  const created = last["created_at"];
  ok(typeof created === "string" && RFC_3339.test(created), `created_at is ${show(created)}`);
  checkEnd(last, worked);
}

interface Said {
  text: string;
  /** What holds thinking and calls. */
  holder: JsonObject;
}

function chatText(line: JsonObject, where: string): Said {
  const message = line["message"];
  ok(isObject(message), `${where} has no message`);
  strictEqual(message["role"], "assistant", `role of ${where}`);
  ok(typeof message["content"] === "string", `content of ${where} is no string`);
  return { text: message["content"], holder: message };
}

function generateText(line: JsonObject, where: string): Said {
  ok(typeof line["response"] === "string", `response of ${where} is no string`);
  return { text: line["response"], holder: line };
}

function hasThinking(holder: JsonObject, where: string): boolean {
  const thinking = holder["thinking"];
  if (thinking === undefined) return false;
  ok(typeof thinking === "string" && thinking !== "", `thinking of ${where} is ${show(thinking)}`);
  return true;
}

function hasCalls(holder: JsonObject, where: string, indexes: Json[]): boolean {
  const calls = holder["tool_calls"];
  if (calls === undefined) return false;
  ok(Array.isArray(calls) && calls.length > 0, `tool_calls of ${where} is no list of calls`);
  for (const call of calls) checkCall(call, where, indexes);
  return true;
}

function checkCall(call: Json, where: string, indexes: Json[]): void {
  ok(isObject(call) && isObject(call["function"]), `a call of ${where} has no function`);
  ok(typeof call["id"] === "string" && call["id"] !== "", `a call of ${where} has no id`);
  const { name, arguments: values, index } = call["function"];
  ok(typeof name === "string" && name !== "", `a call of ${where} has no name`);
  ok(isObject(values), `the arguments of ${name} are no object`);
  strictEqual(index, indexes.length, `the index of ${name} does not count on`);
  indexes.push(index);
}

/** Metrics are whole numbers; where work was done they are there and at least 1. */
function checkEnd(last: JsonObject, worked: boolean): void {
  const reason = last["done_reason"];
  strictEqual("error" in last, reason === "error", `error with done_reason ${show(reason)}`);
  if (reason === "error") {
    ok(typeof last["error"] === "string" && last["error"] !== "", "error is a text");
  }
  if (reason === "load" || reason === "unload") return;
  for (const metric of METRICS) {
    const value = last[metric];
    const least = reason === "error" || (metric.startsWith("eval") && !worked) ? 0 : 1;
    ok(
      typeof value === "number" && Number.isSafeInteger(value) && value >= least,
      `${metric} is ${show(value)}`,
    );
  }
}

function show(value: Json | undefined): string {
  return JSON.stringify(value) ?? "absent";
}

function excerpt(text: string): string {
  return show(text.slice(0, 200));
}
