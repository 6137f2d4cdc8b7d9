import { ProxyError } from "../errors.ts";
import {
  asArray,
  asObject,
  asText,
  isObject,
  parseJson,
  type JsonObject,
  isDeeperThan,
} from "../openai/json.ts";
import type { ToolCallEvent } from "./events.ts";

const maxCalls = 128;
const maxArgumentsLength = 1024 * 1024;
/** Of arguments, as of a request's body; printing what is deeper would overflow the stack. */
const maxDepth = 256;
/** Sent first by some gateways, the true arguments after it. */
const placeholder = "{}";

interface PartialCall {
  id: string | undefined;
  index: number | undefined;
  name: string;
  argumentsText: string;
  /** Looked at in place of the text, whose pieces would have to be joined for it. */
  lastPiece: string;
}

/**
 * Puts streamed fragments of tool calls together. Backends tell calls apart by `index`, by `id`, by
 * both or by neither, repeat names, and send `id: ""` on later fragments, so a fragment belongs to
 * the call with its id, else to the one with its index, else to the latest. What names a tool once
 * more and is no repetition is another call (TGI gives all of them the id "0").
 */
export class ToolCallAssembler {
  readonly #calls: PartialCall[] = [];
  readonly #newId: () => string;

  constructor(newId: () => string) {
    this.#newId = newId;
  }

  /** @throws ProxyError when a fragment is out of any sensible bounds. */
  push(fragments: unknown): void {
    for (const fragment of asArray(fragments)) {
      if (isObject(fragment)) this.#add(fragment);
    }
  }

  /**
   * Every call, whole, with an id of its own.
   * @throws ProxyError when one has no name, or arguments that are not a JSON object.
   */
  end(): ToolCallEvent[] {
    return this.#tell(this.#calls);
  }

  /** The calls that are whole, of an answer that was stopped before its end. */
  endEarly(): ToolCallEvent[] {
    return this.#tell(this.#calls.filter(isComplete));
  }

  #tell(calls: readonly PartialCall[]): ToolCallEvent[] {
    const ids = new Set<string>();
    return calls.map((call, index) => {
      if (call.name === "") throw malformed();
      const values = readArguments(call.argumentsText);
      if (values === undefined) throw invalidArguments();
      const id = call.id === undefined || ids.has(call.id) ? this.#newId() : call.id;
      ids.add(id);
      return { type: "tool-call", index, id, name: call.name, arguments: values };
    });
  }

  #add(fragment: JsonObject): void {
    const id = asText(fragment["id"]);
    const index = readIndex(fragment["index"]);
    const body = asObject(fragment["function"]);
    const name = asText(body?.["name"]);
    const given = printArguments(body?.["arguments"]);
    let call = this.#find(id, index, name);
    if (call === undefined || isAnother(call, name, given)) call = this.#open(id, index);
    call.id ??= id;
    addName(call, name);
    if (isObject(body?.["arguments"])) call.argumentsText = "";
    addArguments(call, given);
  }

  #find(
    id: string | undefined,
    index: number | undefined,
    name: string | undefined,
  ): PartialCall | undefined {
    const byId = this.#calls.findLast((call) => call.id === id);
    if (id !== undefined && byId !== undefined && !differ(byId.index, index)) return byId;
    if (index !== undefined) {
      const byIndex = this.#calls.findLast((call) => call.index === index);
      return differ(byIndex?.id, id) ? undefined : byIndex;
    }
    if (id !== undefined) return undefined;
    const latest = this.#calls.at(-1);
    return name !== undefined && latest !== undefined && isWhole(latest) ? undefined : latest;
  }

  #open(id: string | undefined, index: number | undefined): PartialCall {
    if (this.#calls.length >= maxCalls) throw malformed();
    const call = { id, index, name: "", argumentsText: "", lastPiece: "" };
    this.#calls.push(call);
    return call;
  }
}

function differ(one: unknown, other: unknown): boolean {
  return one !== undefined && other !== undefined && one !== other;
}

function isWhole({ argumentsText, lastPiece }: PartialCall): boolean {
  return lastPiece.trimEnd().endsWith("}") && isObject(parseJson(argumentsText));
}

/** Whether nothing has to come any more; a call without a word of arguments may have just begun. */
function isComplete({ name, argumentsText }: PartialCall): boolean {
  return name !== "" && argumentsText.trim() !== "" && readArguments(argumentsText) !== undefined;
}

/** Whether a fragment begins a call although its id and its index are those of a whole one. */
function isAnother(call: PartialCall, name: string | undefined, given: string): boolean {
  if (name === undefined) return false;
  if (name !== call.name) return isWhole(call);
  const repeats = given === call.argumentsText || call.argumentsText === placeholder;
  return given.startsWith("{") && !repeats && isWhole(call);
}

/** Names come in pieces, but are also sent whole with each fragment. */
function addName(call: PartialCall, name: string | undefined): void {
  if (name !== undefined && name !== call.name && call.argumentsText === "") call.name += name;
}

/** @throws ProxyError when they are out of any sensible bounds. */
function addArguments(call: PartialCall, given: string): void {
  // Some gateways send the whole call once more at the end.
  if (given === "" || (given === call.argumentsText && isWhole(call))) return;
  const restart = call.argumentsText === placeholder && given.startsWith("{");
  call.argumentsText = restart ? given : call.argumentsText + given;
  call.lastPiece = given;
  if (call.argumentsText.length > maxArgumentsLength) throw malformed();
}

/** Text, whatever they came as; an object is all of them. */
function printArguments(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === undefined || value === null || isEmptyList(value)) return "";
  if (!isObject(value)) throw invalidArguments();
  if (isDeeperThan(value, maxDepth)) throw invalidArguments();
  return JSON.stringify(value);
}

/** PHP's way to print an empty object. */
function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

/** Only to tell calls apart: any number is good enough. */
function readIndex(value: unknown): number | undefined {
  const index = typeof value === "string" && value !== "" ? Number(value) : value;
  return typeof index === "number" && !Number.isNaN(index) ? index : undefined;
}

/** Undefined for what is no JSON object, or one that is too deep. */
function readArguments(text: string): JsonObject | undefined {
  if (text.trim() === "") return {};
  let parsed = parseJson(text);
  if (typeof parsed === "string") parsed = parseJson(parsed);
  if (parsed === null || isEmptyList(parsed)) return {};
  return isObject(parsed) && !isDeeperThan(parsed, maxDepth) ? parsed : undefined;
}

function invalidArguments(): ProxyError {
  return new ProxyError("upstream_malformed", "invalid tool call arguments");
}

function malformed(): ProxyError {
  return new ProxyError("upstream_malformed", "invalid response from upstream");
}
