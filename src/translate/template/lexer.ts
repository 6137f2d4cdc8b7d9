import { templateError } from "./template-error.ts";

export type TokenKind =
  | "text"
  | "open"
  | "close"
  | "keyword"
  | "identifier"
  | "variable"
  | "field"
  | "dot"
  | "nil"
  | "boolean"
  | "number"
  | "string"
  | "assign"
  | "declare"
  | "comma"
  | "pipe"
  | "left-paren"
  | "right-paren"
  | "character"
  | "end";

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly line: number;
  /** Whether white space comes before it, which is what keeps arguments apart. */
  readonly spaced: boolean;
}

const keywords = new Set("block break continue define else end if range template with".split(" "));

/** Tried in this order. Strings are unrolled loops, which never look at a character twice. */
const patterns: readonly (readonly [TokenKind, RegExp])[] = [
  ["identifier", /[\p{L}_][\p{L}\p{Nd}_]*/uy],
  ["variable", /\$[\p{L}\p{Nd}_]*/uy],
  ["number", /[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y],
  ["field", /\.[\p{L}\p{Nd}_]+/uy],
  ["dot", /\./y],
  ["string", /"[^"\\\n]*(?:\\[^\n][^"\\\n]*)*"|`[^`]*`/y],
  ["declare", /:=/y],
  ["assign", /=/y],
  ["comma", /,/y],
  ["pipe", /\|/y],
  ["left-paren", /\(/y],
  ["right-paren", /\)/y],
  ["character", /[^]/uy],
];

const unterminated: ReadonlyMap<string, string> = new Map([
  ['"', "unterminated quoted string"],
  ["`", "unterminated raw quoted string"],
]);

const space = /[ \t\r\n]*/y;
const trimMarker = /-[ \t\r\n]/y;
const closing = /(?:[ \t\r\n]-)?\}\}/y;
const wordCharacter = /[\p{L}\p{Nd}_]/uy;

/** @throws ProxyError for what is no token of a template. */
export function tokenize(source: string): Token[] {
  const lexer = new Lexer(source);
  while (lexer.readText()) lexer.readAction();
  return lexer.tokens;
}

class Lexer {
  readonly tokens: Token[] = [];
  readonly #source: string;
  #at = 0;
  #line = 1;

  constructor(source: string) {
    this.#source = source;
  }

  /** Up to and with the next `{{`, if there is one. */
  readText(): boolean {
    const open = this.#source.indexOf("{{", this.#at);
    const end = open === -1 ? this.#source.length : open;
    const trims = open !== -1 && matchAt(trimMarker, this.#source, open + 2) !== "";
    const text = this.#source.slice(this.#at, end);
    const kept = trims ? withoutTrailingSpace(text) : text;
    if (kept !== "") this.#push("text", kept);
    this.#skip(text);
    if (open === -1) {
      this.#push("end", "");
      return false;
    }
    this.#skip(trims ? this.#source.slice(open, open + 4) : "{{");
    return true;
  }

  /** Up to and with its `}}`, and the white space after that if it is trimmed. */
  readAction(): void {
    if (this.#source.startsWith("/*", this.#at)) {
      this.#skipComment();
      return;
    }
    this.#push("open", "{{");
    for (;;) {
      const gap = matchAt(space, this.#source, this.#at);
      this.#skip(gap);
      const trims = gap !== "" && this.#source.startsWith("-}}", this.#at);
      if (trims || this.#source.startsWith("}}", this.#at)) {
        this.#push("close", "}}");
        this.#close(trims ? "-}}" : "}}");
        return;
      }
      this.#readToken(gap !== "");
    }
  }

  #skipComment(): void {
    const end = this.#source.indexOf("*/", this.#at + 2);
    if (end === -1) throw templateError(this.#line, "unclosed comment");
    this.#skip(this.#source.slice(this.#at, end + 2));
    const close = matchAt(closing, this.#source, this.#at);
    if (close === "") throw templateError(this.#line, "comment ends before closing delimiter");
    this.#close(close);
  }

  #close(delimiter: string): void {
    this.#skip(delimiter);
    if (delimiter !== "}}") this.#skip(matchAt(space, this.#source, this.#at));
  }

  #readToken(spaced: boolean): void {
    for (const [kind, pattern] of patterns) {
      const text = matchAt(pattern, this.#source, this.#at);
      if (text === "") continue;
      const message = unterminated.get(text);
      if (message !== undefined) throw templateError(this.#line, message);
      this.#push(kind === "identifier" ? wordKind(text) : kind, text, spaced);
      this.#skip(text);
      const next = matchAt(wordCharacter, this.#source, this.#at);
      if (kind === "number" && next !== "") {
        throw templateError(this.#line, `bad number syntax: "${text}${next}"`);
      }
      return;
    }
    throw templateError(this.#line, "unclosed action");
  }

  #push(kind: TokenKind, text: string, spaced = false): void {
    this.tokens.push({ kind, text, line: this.#line, spaced });
  }

  #skip(text: string): void {
    this.#at += text.length;
    for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) this.#line += 1;
  }
}

function wordKind(word: string): TokenKind {
  if (keywords.has(word)) return "keyword";
  if (word === "true" || word === "false") return "boolean";
  return word === "nil" ? "nil" : "identifier";
}

/** What a sticky pattern matches there, empty if nothing. */
function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? "";
}

/** By hand: a pattern with `$` would look at each run of spaces once for every space in it. */
function withoutTrailingSpace(text: string): string {
  let end = text.length;
  while (end > 0 && " \t\r\n".includes(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}
