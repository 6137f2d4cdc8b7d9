import { ProxyError } from "../errors.ts";

/** What Ollama's own clients take for one line at most. */
const maxLineBytes = 8_000_000;

const lineFeed = 10;

/**
 * Bytes of NDJSON to its lines, as a fold; blank ones are left out. Each byte is looked at once and
 * joined once, however small the pieces are.
 */
export class LineReader {
  #pieces: Buffer[] = [];
  #bytes = 0;

  /** @throws ProxyError when one line is larger than 8,000,000 bytes. */
  push(bytes: Buffer): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let to = bytes.indexOf(lineFeed); to >= 0; to = bytes.indexOf(lineFeed, from)) {
      this.#keep(bytes.subarray(from, to));
      lines.push(this.#take());
      from = to + 1;
    }
    this.#keep(bytes.subarray(from));
    return lines.filter((line) => line !== "");
  }

  /** What came after the last line feed. */
  end(): string[] {
    const rest = this.#take();
    return rest === "" ? [] : [rest];
  }

  #keep(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#bytes += piece.length;
    if (this.#bytes > maxLineBytes) {
      throw new ProxyError("upstream_malformed", "response stream line exceeded 8 MB limit");
    }
    this.#pieces.push(piece);
  }

  #take(): string {
    const [only] = this.#pieces;
    const whole = this.#pieces.length === 1 && only ? only : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#bytes = 0;
    return whole.toString("utf8").trim();
  }
}
