import { ProxyError } from "../errors.ts";
import { asArray, asObject, asText, isObject, parseJson, type JsonObject } from "../openai/json.ts";
import type { ToolCallEvent } from "./events.ts";

const maxCalls = 128;
const maxIndex = 1024;
const maxArgumentsLength = 1024 * 1024;
/** Of arguments, as of a request's body; printing what is deeper would overflow the stack. */
const maxDepth = 256;

interface PartialCall {
  id: string | undefined;
  index: number | undefined;
  name: string;
  argumentsText: string;
  argumentsObject: JsonObject | undefined;
}

/**
 * Puts streamed fragments of tool calls together. Backends tell calls apart by `index`, by `id`, by
 * both or by neither, repeat names, and send `id: ""` on later fragments, so a fragment belongs to
 * the call with its id, else to the one with its index, else to the latest.
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
   * Every call, whole.
   * @throws ProxyError when one has no name, or arguments that are not a JSON object.
   */
  end(): ToolCallEvent[] {
    return this.#calls.map((call, index) => {
      if (call.name === "") throw malformed();
      return {
        type: "tool-call",
        index,
        id: call.id ?? this.#newId(),
        name: call.name,
        arguments: call.argumentsObject ?? parseArguments(call.argumentsText),
      };
    });
  }

  #add(fragment: JsonObject): void {
    const id = asText(fragment["id"]);
    const index = readIndex(fragment["index"]);
    const body = asObject(fragment["function"]);
    const name = asText(body?.["name"]);
    const call = this.#find(id, index, name) ?? this.#open(id, index);
    call.id ??= id;
    if (name !== undefined && call.name !== name && call.argumentsText === "") call.name += name;
    const given = body?.["arguments"];
    if (isObject(given)) call.argumentsObject = checkDepth(given);
    if (typeof given !== "string") return;
    // Some gateways send the whole call once more at the end.
    if (given === call.argumentsText && isWhole(call)) return;
    const restart = call.argumentsText === "{}" && given.startsWith("{");
    call.argumentsText = restart ? given : call.argumentsText + given;
    if (call.argumentsText.length > maxArgumentsLength) throw malformed();
  }

  #find(
    id: string | undefined,
    index: number | undefined,
    name: string | undefined,
  ): PartialCall | undefined {
    const byId = id === undefined ? undefined : this.#calls.find((call) => call.id === id);
    if (byId !== undefined) return byId;
    if (index !== undefined) {
      const byIndex = this.#calls.findLast((call) => call.index === index);
      const another = id !== undefined && byIndex?.id !== undefined;
      return another ? undefined : byIndex;
    }
    if (id !== undefined) return undefined;
    const latest = this.#calls.at(-1);
    return name !== undefined && latest !== undefined && isWhole(latest) ? undefined : latest;
  }

  #open(id: string | undefined, index: number | undefined): PartialCall {
    if (this.#calls.length >= maxCalls) throw malformed();
    const call = { id, index, name: "", argumentsText: "", argumentsObject: undefined };
    this.#calls.push(call);
    return call;
  }
}

function isWhole(call: PartialCall): boolean {
  return call.argumentsObject !== undefined || isObject(parseJson(call.argumentsText));
}

function readIndex(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (Number.isInteger(value) && Number(value) >= 0 && Number(value) < maxIndex)
    return Number(value);
  throw malformed();
}

function parseArguments(text: string): JsonObject {
  if (text.trim() === "") return {};
  let parsed = parseJson(text);
  if (typeof parsed === "string") parsed = parseJson(parsed);
  if (parsed === null) return {};
  if (!isObject(parsed)) throw invalidArguments();
  return checkDepth(parsed);
}

function checkDepth(values: JsonObject): JsonObject {
  if (isDeeperThan(values, maxDepth)) throw invalidArguments();
  return values;
}

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isDeeperThan(member, levels - 1));
}

function invalidArguments(): ProxyError {
  return new ProxyError("upstream_malformed", "invalid tool call arguments");
}

function malformed(): ProxyError {
  return new ProxyError("upstream_malformed", "invalid response from upstream");
}
