import { connect, type Socket } from "node:net";

/** A client that can leave, or stop reading, at any byte. */
export interface RawClient {
  readonly socket: Socket;
  /** Everything that came so far, framing included. */
  readonly received: () => string;
}

export interface RawRequestOptions {
  readonly port: number;
  readonly path: string;
  readonly body: object;
  /** Bytes of the body that are sent; all of it when absent. */
  readonly upTo?: number;
}

export function sendRaw({ port, path, body, upTo }: RawRequestOptions): RawClient {
  const text = JSON.stringify(body);
  const pieces: Buffer[] = [];
  const socket = connect(port, "127.0.0.1");
  socket.on("data", (bytes) => pieces.push(bytes));
  socket.on("error", () => {});
  const head = [`POST ${path} HTTP/1.1`, "host: localhost", `content-length: ${text.length}`];
  socket.write(`${head.join("\r\n")}\r\n\r\n${text.slice(0, upTo)}`);
  return { socket, received: () => Buffer.concat(pieces).toString() };
}
