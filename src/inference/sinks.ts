import type { StreamWriter } from "../server/stream-writer.ts";
import type { LineText } from "./line-text.ts";

/** Where translated objects go. */
export interface Sink<Out> {
  /** Whether something was written, so that a failure can only be told in the stream. */
  readonly committed: boolean;
  /** @returns false when the reader is slow; the pipeline then waits for `resume`. */
  write(value: Out): boolean;
  end(): void;
}

/** Keeps everything: the sink of an answer in one piece. */
export class Collector<Out> implements Sink<Out> {
  readonly committed = false;
  readonly values: Out[] = [];

  write(value: Out): boolean {
    this.values.push(value);
    return true;
  }

  end(): void {}
}

/** Prints everything onto a stream. */
export class TextSink<Out> implements Sink<Out> {
  readonly #writer: StreamWriter;
  readonly #toText: LineText<Out>;
  committed = false;

  constructor(writer: StreamWriter, toText: LineText<Out>) {
    this.#writer = writer;
    this.#toText = toText;
  }

  write(value: Out): boolean {
    this.committed = true;
    return this.#writer.write(this.#toText(value));
  }

  end(): void {
    this.#writer.end();
  }
}
