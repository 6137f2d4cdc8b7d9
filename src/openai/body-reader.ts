import { ProxyError } from "../errors.ts";
import { ServerSentEventReader, type ServerSentEvent } from "./server-sent-events.ts";

const maxJsonBytes = 64 * 1024 * 1024;
const openBrace = 123;
const openBracket = 91;

/**
 * Bytes of any successful answer to events: Server-Sent Events as they are, a JSON body as one
 * event. The first byte that is not white space decides, since backends and gateways answer JSON
 * where a stream was asked, and the reverse.
 */
export class BodyReader {
  #events: ServerSentEventReader | undefined;
  #json: Buffer[] | undefined;
  #jsonBytes = 0;

  push(bytes: Buffer): ServerSentEvent[] {
    if (this.#events !== undefined) return this.#events.push(bytes);
    if (this.#json !== undefined) {
      this.#keepJson(bytes);
      return [];
    }
    const first = bytes.findIndex((byte) => byte > 32);
    if (first < 0) return [];
    const begun = bytes.subarray(first);
    if (begun[0] === openBrace || begun[0] === openBracket) {
      this.#json = [];
      this.#keepJson(begun);
      return [];
    }
    this.#events = new ServerSentEventReader();
    return this.#events.push(begun);
  }

  end(): ServerSentEvent[] {
    if (this.#events !== undefined) return this.#events.end();
    if (this.#json === undefined) return [];
    return [{ name: "", data: Buffer.concat(this.#json).toString("utf8") }];
  }

  #keepJson(bytes: Buffer): void {
    this.#jsonBytes += bytes.length;
    if (this.#jsonBytes > maxJsonBytes) {
      throw new ProxyError("upstream_malformed", "output limit exceeded");
    }
    this.#json?.push(bytes);
  }
}
