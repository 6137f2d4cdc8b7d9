import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";

/** Milliseconds for a refusal to be read by a client that goes on sending. */
const lastWords = 1_000;

/** What is told of bytes that never became a request. */
const refusals: Readonly<Record<string, readonly [status: number, text: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, "request timeout"],
  HPE_HEADER_OVERFLOW: [431, "request header fields too large"],
};

/** A body that does not come. Not all clients close the connection when they are told. */
export function refuseLate(socket: Socket): void {
  refuseConnection({ code: "ERR_HTTP_REQUEST_TIMEOUT" }, socket);
  setTimeout(() => socket.destroy(), lastWords).unref();
}

export function refuseConnection({ code }: { code?: string }, socket: Socket): void {
  if (!socket.writable || code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const [status, text] = refusals[code ?? ""] ?? [400, "bad request"];
  const body = JSON.stringify({ error: text });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/json; charset=utf-8\r\n` +
      `content-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
  );
}
