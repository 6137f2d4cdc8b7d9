import type { Writable } from "node:stream";

/** Lines that a slow reader has not taken yet, bytes with what Node needs for each. */
const maxWaiting = 8 * 1024 * 1024;
const costOfLine = 256;

/** Could move the cursor, or turn the line around, for whoever reads the log. */
const unprintable = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Where lines of the log leave the process. Requests must not suffer from it: a pipe that nobody
 * reads gets no more than so much, and a full disk or a closed pipe only loses lines.
 */
export class LogOutput {
  readonly #output: NodeJS.WritableStream & Partial<Pick<Writable, "writableLength">>;
  #waiting = 0;
  #dropped = 0;

  constructor(output: NodeJS.WritableStream) {
    this.#output = output;
    // Without a listener the error would end the process; the write's own callback counts it.
    output.on("error", () => {});
  }

  /** Lines that are lost. */
  get dropped(): number {
    return this.#dropped;
  }

  write(line: string): void {
    const cost = line.length + costOfLine;
    if (this.#waiting + cost > maxWaiting) {
      this.#dropped += 1;
      return;
    }
    this.#waiting += cost;
    this.#output.write(line.replace(unprintable, escape), (error) => {
      this.#waiting -= cost;
      if (error) this.#dropped += 1;
    });
  }
}

function escape(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}
