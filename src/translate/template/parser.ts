import type { ProxyError } from "../../errors.ts";
import { tokenize, type Token } from "./lexer.ts";
import { parseNumber, unquote } from "./literals.ts";
import type { BranchNode, Command, Node, Operand, Pipeline, Template } from "./syntax.ts";
import { templateError } from "./template-error.ts";

/** Of blocks and parentheses, one in the other. */
const maxNesting = 64;

/**
 * Reads a template, and checks what Go checks before it runs one: that functions are known and
 * variables declared.
 * @throws ProxyError that names the line.
 */
export function parseTemplate(source: string, functions: ReadonlySet<string>): Template {
  return new Parser(tokenize(source), functions).parse();
}

interface List {
  readonly nodes: readonly Node[];
  /** The keyword that ended it, just read; none at the end of the template. */
  readonly stop: "end" | "else" | undefined;
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #functions: ReadonlySet<string>;
  readonly #definitions = new Map<string, readonly Node[]>();
  readonly #fields = new Set<string>();
  /** The variables of each open block. */
  #scopes = [new Set(["$"])];
  #at = 0;
  #nesting = 0;
  #ranges = 0;

  constructor(tokens: readonly Token[], functions: ReadonlySet<string>) {
    this.#tokens = tokens;
    this.#functions = functions;
  }

  parse(): Template {
    const { nodes, stop } = this.#list();
    if (stop !== undefined) throw this.#error(`unexpected {{${stop}}}`);
    return { nodes, definitions: this.#definitions, fields: this.#fields };
  }

  #list(): List {
    const nodes: Node[] = [];
    for (;;) {
      const token = this.#next();
      if (token.kind === "end") return { nodes, stop: undefined };
      if (token.kind === "text") {
        nodes.push({ type: "text", text: token.text });
        continue;
      }
      const keyword = this.#peek().kind === "keyword" ? this.#next() : undefined;
      if (keyword?.text === "end" || keyword?.text === "else") return { nodes, stop: keyword.text };
      const node = keyword === undefined ? this.#action() : this.#control(keyword);
      if (node !== undefined) nodes.push(node);
    }
  }

  #action(): Node {
    return { type: "action", pipeline: this.#pipeline("command") };
  }

  #control(keyword: Token): Node | undefined {
    switch (keyword.text) {
      case "if":
      case "with":
      case "range":
        return this.#branch(keyword.text);
      case "break":
      case "continue":
        if (this.#ranges === 0) throw this.#error(`{{${keyword.text}}} outside {{range}}`);
        this.#expectClose(`{{${keyword.text}}}`);
        return { type: keyword.text };
      case "template": {
        const name = this.#name("template clause");
        // Ollama's own rule; Go would give the template nil.
        if (this.#peek().kind === "close") throw this.#error("undefined template specified");
        return { type: "template", name, pipeline: this.#pipeline("template clause") };
      }
      case "block": {
        const name = this.#name("block clause");
        const pipeline = this.#pipeline("block clause");
        this.#define(name, "block clause");
        return { type: "template", name, pipeline };
      }
      case "define":
        if (this.#nesting > 0) throw this.#unexpected(keyword, "command");
        this.#definition();
        return undefined;
      default:
        throw this.#unexpected(keyword, "command");
    }
  }

  #branch(type: BranchNode["type"]): BranchNode {
    this.#enter();
    this.#scopes.push(new Set());
    const pipeline = this.#pipeline(type);
    if (type === "range") this.#ranges += 1;
    const { nodes: body, stop } = this.#body();
    if (type === "range") this.#ranges -= 1;
    const otherwise = stop === "else" ? this.#otherwise(type) : [];
    if (stop === "end") this.#expectClose("end");
    this.#scopes.pop();
    this.#nesting -= 1;
    return { type, pipeline, body, otherwise };
  }

  /** After `else`, up to and with `{{end}}`; `else if` and `else with` share that of the first. */
  #otherwise(type: BranchNode["type"]): readonly Node[] {
    const token = this.#peek();
    if (type !== "range" && token.kind === "keyword" && token.text === type) {
      this.#next();
      return [this.#branch(type)];
    }
    this.#expectClose("else");
    const { nodes, stop } = this.#body();
    if (stop === "else") throw this.#error("expected end; found {{else}}");
    this.#expectClose("end");
    return nodes;
  }

  #body(): List {
    const list = this.#list();
    if (list.stop === undefined) throw this.#error("unexpected EOF");
    return list;
  }

  #definition(): void {
    const name = this.#name("define clause");
    this.#expectClose("define clause");
    this.#define(name, "define clause");
  }

  /** Reads the body of a template with a name, which sees no variable of the others. */
  #define(name: string, context: string): void {
    const [scopes, ranges] = [this.#scopes, this.#ranges];
    this.#scopes = [new Set(["$"])];
    this.#ranges = 0;
    this.#enter();
    const { nodes, stop } = this.#body();
    if (stop === "else") throw this.#error(`unexpected {{else}} in ${context}`);
    this.#expectClose("end");
    this.#nesting -= 1;
    [this.#scopes, this.#ranges] = [scopes, ranges];
    if (this.#definitions.has(name)) {
      throw this.#error(`template: multiple definition of template ${JSON.stringify(name)}`);
    }
    this.#definitions.set(name, nodes);
  }

  #name(context: string): string {
    const token = this.#next();
    if (token.kind !== "string") throw this.#unexpected(token, context);
    return this.#string(token);
  }

  /** Up to and with what closes it. */
  #pipeline(context: string, close: "close" | "right-paren" = "close"): Pipeline {
    const { line } = this.#peek();
    const { variables, declares } = this.#variables(context);
    const commands: Command[] = [];
    while (this.#peek().kind !== close) {
      commands.push(this.#command(context, commands.length + 1));
      if (this.#peek().kind === "pipe") this.#next();
    }
    this.#next();
    if (commands.length === 0) throw this.#error(`missing value for ${context}`);
    if (declares) for (const name of variables) this.#scopes.at(-1)?.add(name);
    return { line, variables, declares, commands };
  }

  /** The variables that are set, if any are. */
  #variables(context: string): Pick<Pipeline, "variables" | "declares"> {
    const [first, second, third, fourth] = this.#tokens.slice(this.#at, this.#at + 4);
    const none = { variables: [], declares: false };
    if (first?.kind !== "variable") return none;
    const pair = second?.kind === "comma" && context === "range" && third?.kind === "variable";
    const sign = pair ? fourth : second;
    if (sign?.kind !== "declare" && sign?.kind !== "assign") return none;
    const declares = sign.kind === "declare";
    const names = pair ? [first.text, third.text] : [first.text];
    if (!declares) for (const name of names) this.#checkVariable(name);
    this.#at += pair ? 4 : 2;
    return { variables: names, declares };
  }

  #command(context: string, stage: number): Command {
    const first = this.#operand(context);
    if (stage > 1 && (first.type === "nil" || first.type === "literal" || isBareDot(first))) {
      throw this.#error(`non executable command in pipeline stage ${stage}`);
    }
    const rest: Operand[] = [];
    while (!commandEnds.has(this.#peek().kind)) {
      if (!this.#peek().spaced) throw this.#unexpected(this.#next(), "operand");
      rest.push(this.#operand("operand"));
    }
    return { first, rest };
  }

  #operand(context: string): Operand {
    const token = this.#next();
    const operand = this.#term(token, context);
    const path: string[] = [];
    while (this.#peek().kind === "field" && !this.#peek().spaced) {
      path.push(this.#field(this.#next()));
    }
    if (path.length === 0) return operand;
    if (!("path" in operand) || isBareDot(operand)) {
      throw this.#error(`unexpected . after term ${JSON.stringify(token.text)}`);
    }
    return { ...operand, path: [...operand.path, ...path] };
  }

  #term(token: Token, context: string): Operand {
    switch (token.kind) {
      case "nil":
        return { type: "nil" };
      case "boolean":
        return { type: "literal", value: token.text === "true" };
      case "string":
        return { type: "literal", value: this.#string(token) };
      case "number": {
        const value = parseNumber(token.text);
        if (value === undefined) throw this.#error(`${token.text} overflows`);
        return { type: "literal", value };
      }
      case "dot":
        return { type: "dot", path: [] };
      case "field":
        return { type: "dot", path: [this.#field(token)] };
      case "variable":
        this.#checkVariable(token.text);
        return { type: "variable", name: token.text, path: [] };
      case "identifier":
        if (!this.#functions.has(token.text)) {
          throw this.#error(`function ${JSON.stringify(token.text)} not defined`);
        }
        return { type: "function", name: token.text };
      case "left-paren": {
        this.#enter();
        const pipeline = this.#pipeline("parenthesized pipeline", "right-paren");
        this.#nesting -= 1;
        return { type: "pipeline", pipeline, path: [] };
      }
      case "close":
        throw this.#error("unclosed left paren");
      case "right-paren":
        throw this.#error("unexpected right paren");
      default:
        throw this.#unexpected(token, context);
    }
  }

  #string(token: Token): string {
    const text = unquote(token.text);
    if (text === undefined) throw this.#error("invalid syntax");
    return text;
  }

  #field(token: Token): string {
    const name = token.text.slice(1);
    this.#fields.add(name.toLowerCase());
    return name;
  }

  #checkVariable(name: string): void {
    if (!this.#scopes.some((scope) => scope.has(name))) {
      throw this.#error(`undefined variable ${JSON.stringify(name)}`);
    }
  }

  #expectClose(context: string): void {
    const token = this.#next();
    if (token.kind !== "close") throw this.#unexpected(token, context);
  }

  #enter(): void {
    this.#nesting += 1;
    if (this.#nesting > maxNesting) throw this.#error(`nested deeper than ${maxNesting}`);
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? theEnd;
  }

  #next(): Token {
    const token = this.#peek();
    this.#at += 1;
    return token;
  }

  #unexpected(token: Token, context: string): ProxyError {
    return this.#error(`unexpected ${describe(token)} in ${context}`);
  }

  #error(message: string): ProxyError {
    const { line } = this.#tokens[this.#at - 1] ?? theEnd;
    return templateError(line, message);
  }
}

const theEnd: Token = { kind: "end", text: "", line: 1, spaced: false };

const commandEnds: ReadonlySet<string> = new Set(["pipe", "close", "right-paren"]);

function isBareDot(operand: Operand): boolean {
  return operand.type === "dot" && operand.path.length === 0;
}

function describe({ kind, text }: Token): string {
  if (kind === "keyword" || kind === "dot") return `<${text}>`;
  return text.length > 10 ? `${JSON.stringify(text.slice(0, 10))}...` : JSON.stringify(text);
}
