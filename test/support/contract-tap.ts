import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { readAnswer } from "../golden/raw-exchange.ts";
import { checkContract } from "./contract.ts";

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly socket: Socket;
  readonly server: Server;
}

const channel = "http.server.request.start";
/** Larger answers are tests of size, not of shape. */
const maxBytes = 1024 * 1024;

export interface ContractTap {
  /** What was sent against the contract so far. */
  readonly violations: string[];
  stop(): void;
}

/**
 * Watches the bytes that a server in this process sends and holds every whole answer of `/api` against
 * the contract, whatever the test that asked was about.
 */
export function tapContract(port: number): ContractTap {
  const violations: string[] = [];
  const listener = (message: unknown) => {
    const { request, response, socket } = message as Exchange;
    if (socket.localPort !== port || request.url?.startsWith("/api/") !== true) return;
    const sent = record(socket);
    response.once("finish", () => {
      const bytes = sent();
      const problem = bytes === undefined ? undefined : check(request, bytes);
      if (problem !== undefined) violations.push(problem);
    });
  };
  subscribe(channel, listener);
  return { violations, stop: () => unsubscribe(channel, listener) };
}

/** Everything written to a socket from now on, until it is asked for; nothing if that is too much. */
function record(socket: Socket): () => Buffer | undefined {
  let pieces: Buffer[] | undefined = [];
  let length = 0;
  const write = socket.write.bind(socket);
  socket.write = ((...parameters: Parameters<Socket["write"]>) => {
    const [data, encoding] = parameters;
    const bytes =
      typeof data === "string"
        ? Buffer.from(data, typeof encoding === "string" ? encoding : "utf8")
        : Buffer.from(data);
    length += bytes.length;
    if (length > maxBytes) pieces = undefined;
    pieces?.push(bytes);
    return write(...parameters);
  }) as Socket["write"];
  return () => {
    Reflect.deleteProperty(socket, "write");
    return pieces === undefined ? undefined : Buffer.concat(pieces);
  };
}

function check(request: IncomingMessage, bytes: Buffer): string | undefined {
  const method = request.method ?? "GET";
  const answer = readAnswer(bytes, method, true);
  const contentType = answer?.headers["content-type"] ?? "";
  if (answer === undefined || answer.body === "" || !/json|event-stream/u.test(contentType))
    return undefined;
  const path = new URL(request.url ?? "/", "http://local").pathname;
  try {
    checkContract({ method, path, status: answer.status, contentType, text: answer.body });
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
