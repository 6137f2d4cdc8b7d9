import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import { noteEnding, writeStall } from "./endings.ts";
import type { StreamFormat } from "./stream-format.ts";

export interface StreamWriterOptions {
  readonly format: StreamFormat;
  /** Headers beside the format's own, and before them, as they are when they leave. */
  readonly headers: () => OutgoingHttpHeaders;
  /** Milliseconds a client may leave its socket full before it counts as gone. */
  readonly writeStall: number;
  /** The client reads again after `write` answered false. */
  readonly onDrain: () => void;
  /** The client has not read for `writeStall`. */
  readonly onStall: () => void;
}

/**
 * The one writer of streams. Headers leave with the first frame (the commit point); all frames of one
 * tick, which is one read from the backend, leave in one write. Nothing is held longer.
 */
export class StreamWriter {
  readonly #response: ServerResponse;
  readonly #options: StreamWriterOptions;
  #pending = "";
  #scheduled = false;
  #blocked = false;
  #headSent = false;
  #stallTimer: NodeJS.Timeout | undefined;
  #heartbeatTimer: NodeJS.Timeout | undefined;
  #lastWrite = 0;

  constructor(response: ServerResponse, options: StreamWriterOptions) {
    this.#response = response;
    this.#options = options;
    const unblock = () => {
      if (this.#blocked) this.#unblock();
    };
    response.on("drain", unblock);
    const { socket } = response;
    socket?.on("drain", unblock);
    response.on("close", () => {
      socket?.off("drain", unblock);
      this.#stopTimers();
    });
  }

  /** Whether the client has the headers, so that a failure can no longer have its own status. */
  get committed(): boolean {
    return this.#response.headersSent || this.#pending !== "";
  }

  /** Sends the headers before there is anything to say. */
  open(): void {
    if (this.#response.headersSent) return;
    this.#writeHead();
    this.#response.flushHeaders();
  }

  /** @returns false when the client is slow: write no more until `onDrain`. */
  write(json: string): boolean {
    this.#pending += this.#options.format.frame(json);
    if (!this.#scheduled) {
      this.#scheduled = true;
      queueMicrotask(() => {
        this.#flush();
      });
    }
    return !this.#blocked;
  }

  end(): void {
    this.#flush();
    // The other timer goes on: what the client has not taken must not wait for it for ever.
    clearTimeout(this.#heartbeatTimer);
    this.#response.end();
  }

  #flush(): void {
    this.#scheduled = false;
    if (this.#pending === "" || this.#response.destroyed) return;
    if (!this.#response.headersSent) this.#writeHead();
    const text = this.#pending;
    this.#pending = "";
    this.#lastWrite = performance.now();
    if (!this.#send(text)) this.#block();
  }

  /**
   * Node writes a chunk in four pieces, which costs more than all translation; once the headers are
   * out, the chunk's frame is put on here and the socket gets one piece.
   */
  #send(text: string): boolean {
    const { socket, chunkedEncoding } = this.#response;
    if (!this.#headSent || socket === null || !chunkedEncoding) {
      this.#headSent = true;
      return this.#response.write(text);
    }
    const bytes = Buffer.byteLength(text);
    const framed = `${bytes.toString(16)}\r\n${text}\r\n`;
    // As many bytes as characters is ASCII, which Node writes faster under the name of Latin 1.
    return socket.write(framed, bytes === text.length ? "latin1" : "utf8");
  }

  #writeHead(): void {
    const { format, headers } = this.#options;
    this.#response.writeHead(200, { ...format.headers, ...headers() });
    if (format.heartbeat !== undefined) this.#armHeartbeat(format.heartbeat.after);
  }

  #block(): void {
    this.#blocked = true;
    this.#stallTimer ??= setTimeout(() => {
      noteEnding(this.#response, writeStall);
      this.#options.onStall();
    }, this.#options.writeStall);
  }

  #unblock(): void {
    this.#blocked = false;
    clearTimeout(this.#stallTimer);
    this.#stallTimer = undefined;
    this.#options.onDrain();
  }

  /** One timer a stream, armed anew only when it fires: none per frame. */
  #armHeartbeat(delay: number): void {
    this.#heartbeatTimer = setTimeout(() => {
      const { heartbeat } = this.#options.format;
      if (heartbeat === undefined || this.#response.writableEnded) return;
      const silence = performance.now() - this.#lastWrite;
      if (silence < heartbeat.after) {
        this.#armHeartbeat(heartbeat.after - silence);
        return;
      }
      this.#lastWrite = performance.now();
      this.#send(heartbeat.text);
      this.#armHeartbeat(heartbeat.after);
    }, delay).unref();
  }

  #stopTimers(): void {
    clearTimeout(this.#stallTimer);
    clearTimeout(this.#heartbeatTimer);
  }
}
