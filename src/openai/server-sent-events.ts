import { ProxyError, toProxyError } from "../errors.ts";

export interface ServerSentEvent {
  /** The `event:` field; empty for an ordinary message. */
  readonly name: string;
  /** The `data:` lines, joined by line feeds. */
  readonly data: string;
}

/** Real Ollama's own limit for one event of its runner, and its clients' limit for one line. */
export const maxEventBytes = 8_000_000;

const lineFeed = 10;
const carriageReturn = 13;
const byteOrderMark = "\uFEFF";

/**
 * Bytes to Server-Sent Events, as a fold. Each byte is looked at once and joined once, so the cost
 * is linear however small the pieces are. Lines end in LF, CR or CRLF. More lenient than the
 * standard where backends are: a last event without its blank line counts; a line that is JSON or
 * markup without a field name counts as data; `error:` is a field (llama.cpp).
 */
export class ServerSentEventReader {
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  #eventBytes = 0;
  #data: string[] = [];
  #name = "";
  #afterCarriageReturn = false;
  #firstLine = true;
  #failure: ProxyError | undefined;

  /**
   * @throws ProxyError when one event is larger than 8,000,000 bytes; with the next call where there
   * are events before it.
   */
  push(bytes: Buffer): ServerSentEvent[] {
    if (this.#failure !== undefined) throw this.#failure;
    const events: ServerSentEvent[] = [];
    try {
      this.#read(bytes, events);
    } catch (error) {
      if (events.length === 0) throw error;
      this.#failure = toProxyError(error);
    }
    return events;
  }

  end(): ServerSentEvent[] {
    if (this.#failure !== undefined) throw this.#failure;
    const events: ServerSentEvent[] = [];
    if (this.#pieceBytes > 0) this.#line(this.#take(Buffer.alloc(0), 0, 0), events);
    this.#dispatch(events);
    return events;
  }

  #read(bytes: Buffer, events: ServerSentEvent[]): void {
    let from = 0;
    if (this.#afterCarriageReturn && bytes.length > 0) {
      this.#afterCarriageReturn = false;
      if (bytes[0] === lineFeed) from = 1;
    }
    let nextReturn = bytes.indexOf(carriageReturn, from);
    while (from < bytes.length) {
      const nextFeed = bytes.indexOf(lineFeed, from);
      if (nextReturn >= 0 && nextReturn < from) nextReturn = bytes.indexOf(carriageReturn, from);
      const isReturn = nextReturn >= 0 && (nextFeed < 0 || nextReturn < nextFeed);
      const lineEnd = isReturn ? nextReturn : nextFeed;
      if (lineEnd < 0) {
        this.#keep(bytes, from);
        return;
      }
      this.#line(this.#take(bytes, from, lineEnd), events);
      from = lineEnd + 1;
      if (!isReturn) continue;
      if (from === bytes.length) this.#afterCarriageReturn = true;
      else if (bytes[from] === lineFeed) from += 1;
    }
  }

  #keep(bytes: Buffer, from: number): void {
    const piece = bytes.subarray(from);
    this.#pieceBytes += piece.length;
    if (this.#eventBytes + this.#pieceBytes > maxEventBytes) throw tooLarge();
    this.#pieces.push(piece);
  }

  #take(bytes: Buffer, from: number, to: number): string {
    this.#eventBytes += this.#pieceBytes + to - from;
    if (this.#eventBytes > maxEventBytes) throw tooLarge();
    if (this.#pieces.length === 0) return bytes.toString("utf8", from, to);
    this.#pieces.push(bytes.subarray(from, to));
    const line = Buffer.concat(this.#pieces).toString("utf8");
    this.#pieces = [];
    this.#pieceBytes = 0;
    return line;
  }

  #line(line: string, events: ServerSentEvent[]): void {
    let text = line;
    if (this.#firstLine) {
      this.#firstLine = false;
      if (text.startsWith(byteOrderMark)) text = text.slice(1);
    }
    if (text === "") {
      this.#dispatch(events);
      return;
    }
    const first = text[0];
    if (first === "{" || first === "<") {
      this.#data.push(text);
      return;
    }
    const colon = text.indexOf(":");
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(text[colon + 1] === " " ? colon + 2 : colon + 1);
    switch (field) {
      case "data":
        this.#data.push(value);
        break;
      case "event":
        this.#name = value;
        break;
      case "error":
        this.#name = "error";
        this.#data.push(value);
        break;
    }
  }

  #dispatch(events: ServerSentEvent[]): void {
    this.#eventBytes = 0;
    if (this.#data.length > 0) {
      const data = this.#data.length === 1 ? (this.#data[0] ?? "") : this.#data.join("\n");
      events.push({ name: this.#name, data });
      this.#data = [];
    }
    this.#name = "";
  }
}

function tooLarge(): ProxyError {
  return new ProxyError("upstream_malformed", "response stream event exceeded 8 MB limit");
}
