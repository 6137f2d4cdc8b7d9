import type { ProxyError } from "../../errors.ts";
import type { BranchNode, Command, Node, Operand, Pipeline, Template } from "./syntax.ts";
import { templateError } from "./template-error.ts";
import type { Caller, TemplateFunction } from "./template-function.ts";
import { toText } from "./value-text.ts";
import { isTrue, memberOf, typeOf, type Value } from "./values.ts";

const maxOutput = 16 * 1024 * 1024;
/** Of lists of nodes, pipelines and templates that are being run, one in the other. */
const maxDepth = 256;
/** Characters that all steps together may handle: some hundred milliseconds, 2 s at the worst. */
const maxWork = 64 * 1024 * 1024;
/** What a step costs beside the characters that it handles. */
const stepCost = 64;

type Functions = ReadonlyMap<string, TemplateFunction>;

/** Where the run goes on after a node. */
type Flow = "next" | "break" | "continue";

/** What names mean at some point of the run. */
interface Frame {
  readonly dot: Value;
  readonly variables: Variables;
}

class Variables {
  readonly #values = new Map<string, Value>();
  readonly #outer: Variables | undefined;

  constructor(outer?: Variables) {
    this.#outer = outer;
  }

  get(name: string): Value {
    const value = this.#values.get(name);
    return value === undefined ? (this.#outer?.get(name) ?? null) : value;
  }

  declare(name: string, value: Value): void {
    this.#values.set(name, value);
  }

  assign(name: string, value: Value): void {
    if (this.#outer === undefined || this.#values.has(name)) this.#values.set(name, value);
    else this.#outer.assign(name, value);
  }
}

/** Runs a template, also several times; all that it prints is one text, and all its work bounded. */
export class Execution {
  readonly #definitions: Template["definitions"];
  readonly #functions: Functions;
  readonly #output: string[] = [];
  #outputLength = 0;
  #work = 0;
  #depth = 0;
  /** Where the run is, for messages. */
  #line = 1;

  constructor(definitions: Template["definitions"], functions: Functions) {
    this.#definitions = definitions;
    this.#functions = functions;
  }

  /** @throws ProxyError that names the line. */
  run(nodes: readonly Node[], data: Value): void {
    const variables = new Variables();
    variables.declare("$", data);
    this.#list(nodes, { dot: data, variables });
  }

  get text(): string {
    return this.#output.join("").toWellFormed();
  }

  #list(nodes: readonly Node[], frame: Frame): Flow {
    this.#enter();
    let flow: Flow = "next";
    for (const node of nodes) {
      flow = this.#node(node, frame);
      if (flow !== "next") break;
    }
    this.#depth -= 1;
    return flow;
  }

  #node(node: Node, frame: Frame): Flow {
    this.#charge(stepCost);
    switch (node.type) {
      case "text":
        this.#write(node.text);
        return "next";
      case "action": {
        const value = this.#pipeline(node.pipeline, frame);
        if (node.pipeline.variables.length > 0) return "next";
        this.#write(value === null ? "<no value>" : toText(value));
        return "next";
      }
      case "if":
      case "with":
        return this.#branch(node, frame);
      case "range":
        return this.#range(node, frame);
      case "template": {
        const value = this.#pipeline(node.pipeline, frame);
        const nodes = this.#definitions.get(node.name);
        if (nodes === undefined) {
          throw this.#error(`template ${JSON.stringify(node.name)} not defined`);
        }
        this.run(nodes, value);
        return "next";
      }
      default:
        return node.type;
    }
  }

  #branch(node: BranchNode, { dot, variables }: Frame): Flow {
    const frame = { dot, variables: new Variables(variables) };
    const value = this.#pipeline(node.pipeline, frame);
    if (!isTrue(value)) return this.#list(node.otherwise, frame);
    return this.#list(node.body, node.type === "with" ? { ...frame, dot: value } : frame);
  }

  #range(node: BranchNode, { dot, variables: outer }: Frame): Flow {
    const { pipeline, body, otherwise } = node;
    const variables = new Variables(outer);
    const value = this.#pipeline(pipeline, { dot, variables });
    const set = pipeline.declares ? "declare" : "assign";
    const [last, keyName] = pipeline.variables.toReversed();
    let empty = true;
    for (const [key, item] of this.#entries(value, pipeline)) {
      empty = false;
      this.#charge(stepCost);
      if (last !== undefined) variables[set](last, item);
      if (keyName !== undefined) variables[set](keyName, key);
      const flow = this.#list(body, { dot: item, variables: new Variables(variables) });
      if (flow === "break") break;
    }
    return empty ? this.#list(otherwise, { dot, variables }) : "next";
  }

  #entries(value: Value, pipeline: Pipeline): Iterable<readonly [Value, Value]> {
    if (value === null) return [];
    if (typeof value === "bigint") {
      if (pipeline.variables.length < 2) return countTo(value);
      throw this.#error(`can't use ${value} to iterate over more than one variable`);
    }
    if (typeof value === "object" && value.kind === "dictionary") return value.entries;
    if (typeof value === "object" && value.kind === "list") return numbered(value.items);
    throw this.#error(`range can't iterate over ${typeOf(value)}`);
  }

  #pipeline(pipeline: Pipeline, frame: Frame): Value {
    this.#enter();
    this.#line = pipeline.line;
    let value: Value | undefined;
    for (const command of pipeline.commands) value = this.#command(command, frame, value);
    const result = value ?? null;
    for (const name of pipeline.variables) {
      frame.variables[pipeline.declares ? "declare" : "assign"](name, result);
    }
    this.#depth -= 1;
    return result;
  }

  /** `piped` is the value of the command before it, which is the last argument of this one. */
  #command({ first, rest }: Command, frame: Frame, piped: Value | undefined): Value {
    if (first.type === "function") return this.#call(first.name, rest, frame, piped);
    if (first.type === "nil") throw this.#error("nil is not a command");
    if (rest.length > 0 || piped !== undefined) {
      throw this.#error(`can't give argument to non-function ${nameOf(first)}`);
    }
    return this.#operand(first, frame);
  }

  #operand(operand: Operand, frame: Frame): Value {
    this.#charge(stepCost);
    switch (operand.type) {
      case "nil":
        return null;
      case "literal":
        return operand.value;
      case "function":
        return this.#call(operand.name, [], frame, undefined);
      case "dot":
        return this.#lookUp(frame.dot, operand.path);
      case "variable":
        return this.#lookUp(frame.variables.get(operand.name), operand.path);
      case "pipeline":
        return this.#lookUp(this.#pipeline(operand.pipeline, frame), operand.path);
    }
  }

  /** A field of nil is nil, but a field of a field that is nil is an error: so it is in Go. */
  #lookUp(start: Value, path: readonly string[]): Value {
    if (start === null) return null;
    let value: Value = start;
    for (const name of path) {
      this.#charge(stepCost);
      if (value === null) throw this.#error(`nil pointer evaluating interface {}.${name}`);
      const member = memberOf(value, name);
      if (member === undefined) {
        throw this.#error(`can't evaluate field ${name} in type ${typeOf(value)}`);
      }
      value = member;
    }
    return value;
  }

  #call(name: string, operands: readonly Operand[], frame: Frame, piped: Value | undefined): Value {
    const callee = this.#functions.get(name);
    if (callee === undefined) throw this.#error(`function ${JSON.stringify(name)} not defined`);
    const [least, most] = callee.takes;
    const count = operands.length + (piped === undefined ? 0 : 1);
    if (count < least || count > most) {
      const wanted = least === most ? String(least) : `at least ${least}`;
      throw this.#error(`wrong number of args for ${name}: want ${wanted} got ${count}`);
    }
    const caller: Caller = {
      error: (message) => this.#error(`error calling ${name}: ${message}`),
      charge: (text) => {
        this.#charge(text.length);
        return text;
      },
    };
    return this.#charged(callee.call(this.#arguments(operands, frame, piped), caller));
  }

  /** Evaluated one by one, as the function asks for them. */
  *#arguments(
    operands: readonly Operand[],
    frame: Frame,
    piped: Value | undefined,
  ): Generator<Value> {
    for (const operand of operands) yield this.#charged(this.#operand(operand, frame));
    if (piped !== undefined) yield this.#charged(piped);
  }

  #charged(value: Value): Value {
    if (typeof value === "string") this.#charge(value.length);
    if (typeof value === "object" && value?.kind === "list") this.#charge(value.items.length / 8);
    return value;
  }

  #write(text: string): void {
    this.#charge(text.length);
    this.#outputLength += text.length;
    if (this.#outputLength > maxOutput) throw this.#error("the text gets too long");
    this.#output.push(text);
  }

  #charge(cost: number): void {
    this.#work += cost;
    if (this.#work > maxWork) throw this.#error("the template takes too much work");
  }

  #enter(): void {
    this.#depth += 1;
    if (this.#depth > maxDepth) throw this.#error("exceeded maximum template depth");
  }

  #error(message: string): ProxyError {
    return templateError(this.#line, message);
  }
}

function* countTo(end: bigint): Generator<[Value, Value]> {
  for (let count = 0n; count < end; count += 1n) yield [count, count];
}

function* numbered(items: readonly Value[]): Generator<[Value, Value]> {
  for (const [index, item] of items.entries()) yield [BigInt(index), item];
}

/** As a message names it. */
function nameOf(operand: Operand): string {
  switch (operand.type) {
    case "literal":
      return typeof operand.value === "string"
        ? JSON.stringify(operand.value)
        : toText(operand.value);
    case "dot":
      return `.${operand.path.join(".")}`;
    case "variable":
      return [operand.name, ...operand.path].join(".");
    default:
      return "in parentheses";
  }
}
