import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { requestReader, type RawRequest } from "./request-reader.ts";

/**
 * A backend that plays a timeline. It speaks HTTP over a plain socket, because `node:http` refuses
 * to send most of what breaks in the field: a reset in the middle of a chunk, a body that never
 * ends, bytes that are not HTTP at all.
 */
export type Step =
  | string
  | Buffer
  | { wait: number }
  /** FIN inside a chunk: the size of a chunk is announced, its bytes never come. */
  | { destroy: true }
  /** RST, whatever has been sent. */
  | { reset: true }
  /** The body ends well, then FIN. */
  | { end: true }
  /** Nothing more, and the connection stays open. */
  | { hang: true };

export interface Script {
  /** Default 200. */
  status?: number;
  /** Default `content-type: text/event-stream`. */
  headers?: Record<string, string>;
  /** A generator may go on for ever: a step is taken when the one before has left the process. */
  steps: Iterable<Step>;
  /** The steps are all that is sent, the status line included. */
  raw?: boolean;
  /** No chunked framing: the end of the connection is the end of the body. */
  unframed?: boolean;
}

export interface RecordedRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string;
  /** `performance.now()` when the peer closed the connection before the script had ended. */
  closedAt?: number;
}

export interface ScriptedUpstream {
  /** `http://127.0.0.1:PORT/v1` */
  readonly baseUrl: string;
  /** What has been asked, GET requests aside. */
  readonly requests: RecordedRequest[];
  /** GET requests: model lists and whatever else a proxy looks at to know its backend. */
  readonly lookups: RecordedRequest[];
  openConnections(): number;
  /** What POST requests are answered with from now on. */
  play(script: Script | ((request: RecordedRequest) => Script)): void;
  close(): Promise<void>;
  /** Bytes that have left the process: a client that stops reading stops this figure. */
  bytesSent(): number;
}

export interface ScriptedUpstreamOptions {
  /** Entries of `GET /v1/models`. */
  models?: readonly object[];
  /** Scripts of GET requests by path; they come before the model list. */
  lookups?: Readonly<Record<string, Script>>;
}

const DEFAULT_MODELS = [{ id: "m", object: "model", created: 1_700_000_000, owned_by: "test" }];
const JSON_TYPE = { "content-type": "application/json" };
const NO_SCRIPT = json(500, { error: { message: "the test has not said what to play" } });
const LAST_CHUNK = Buffer.from("0\r\n\r\n");

/** A whole JSON answer as a script. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): Script {
  return { status, headers: { ...JSON_TYPE, ...headers }, steps: [JSON.stringify(body)] };
}

/** Server-Sent Events as text; a string stands for itself, as in `sse(chunk({}), "[DONE]")`. */
export function sse(...events: readonly (object | string)[]): string {
  return events
    .map((event) => `data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`)
    .join("");
}

/** One `chat.completion.chunk`. `extra` adds or replaces members of the chunk itself. */
export function chunk(delta: object | null, finish: string | null = null, extra: object = {}) {
  return {
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 1_700_000_000,
    model: "m",
    choices: [{ index: 0, delta, finish_reason: finish }],
    ...extra,
  };
}

export async function startScriptedUpstream(
  options: ScriptedUpstreamOptions = {},
): Promise<ScriptedUpstream> {
  const models = options.models ?? DEFAULT_MODELS;
  const requests: RecordedRequest[] = [];
  const lookups: RecordedRequest[] = [];
  const sockets = new Set<Socket>();
  let script: Script | ((request: RecordedRequest) => Script) = NO_SCRIPT;
  let sent = 0;

  function answerTo(request: RecordedRequest): Script {
    if (request.method !== "GET") {
      requests.push(request);
      return typeof script === "function" ? script(request) : script;
    }
    lookups.push(request);
    return options.lookups?.[request.path] ?? modelAnswer(request.path, models);
  }

  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.setNoDelay(true);
    serve(socket, answerTo, (bytes) => (sent += bytes));
  });
  const port = await listen(server);

  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    requests,
    lookups,
    openConnections: () => sockets.size,
    play: (next) => {
      script = next;
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    bytesSent: () => sent,
  };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not a TCP server");
  return address.port;
}

function modelAnswer(path: string, models: readonly object[]): Script {
  if (path === "/v1/models") return json(200, { object: "list", data: models });
  const id = decodeURIComponent(path.replace(/^\/v1\/models\//u, ""));
  const model = models.find((entry) => "id" in entry && entry.id === id);
  return model ? json(200, model) : json(404, { error: { message: "not found" } });
}

interface Connection {
  socket: Socket;
  /** Aborted when the peer has left. */
  gone: AbortSignal;
  write: (bytes: Buffer) => Promise<void>;
}

/** Reads the requests of one connection and answers them one after the other. */
function serve(
  socket: Socket,
  answerTo: (request: RecordedRequest) => Script,
  count: (bytes: number) => void,
): void {
  const gone = new AbortController();
  const waiting: RecordedRequest[] = [];
  let answering: RecordedRequest | undefined;

  function peerLeft(): void {
    if (answering && !gone.signal.aborted) answering.closedAt = performance.now();
    gone.abort();
  }
  socket.on("error", peerLeft);
  socket.on("end", peerLeft);
  socket.on("close", peerLeft);

  async function write(bytes: Buffer): Promise<void> {
    const failed = await new Promise<unknown>((resolve) => socket.write(bytes, resolve));
    if (failed) peerLeft();
    else count(bytes.length);
  }

  async function answerAll(): Promise<void> {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      answering = next;
      const open = await play(answerTo(next), { socket, gone: gone.signal, write });
      answering = undefined;
      if (!open) return;
    }
  }

  const push = requestReader((request: RawRequest) => {
    waiting.push(request);
    if (!answering) void answerAll();
  });
  socket.on("data", push);
}

/** Plays one script; the answer says whether the connection may take another request. */
async function play(script: Script, { socket, gone, write }: Connection): Promise<boolean> {
  const framed = !script.raw && !script.unframed;
  if (!script.raw) await write(head(script, framed));
  for (const step of script.steps) {
    if (gone.aborted) return false;
    if (typeof step === "string" || Buffer.isBuffer(step)) {
      await write(framed ? asChunk(step) : Buffer.from(step));
    } else if ("wait" in step) {
      await sleep(step.wait, undefined, { signal: gone }).catch(() => {});
    } else if ("hang" in step) {
      await new Promise((resolve) => gone.addEventListener("abort", resolve, { once: true }));
    } else if ("reset" in step) {
      socket.resetAndDestroy();
      return false;
    } else if ("destroy" in step) {
      if (framed) await write(Buffer.from("ff\r\n"));
      socket.destroy();
      return false;
    } else {
      if (framed) await write(LAST_CHUNK);
      socket.end();
      return false;
    }
  }
  if (gone.aborted) return false;
  if (framed) await write(LAST_CHUNK);
  else socket.end();
  return framed;
}

function head(script: Script, framed: boolean): Buffer {
  const headers = script.headers ?? { "content-type": "text/event-stream" };
  const framing = framed ? { "transfer-encoding": "chunked" } : { connection: "close" };
  const lines = Object.entries({ ...headers, ...framing }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return Buffer.from(`HTTP/1.1 ${script.status ?? 200} Scripted\r\n${lines.join("")}\r\n`);
}

/** An empty step is no chunk: a chunk of size 0 would end the body. */
function asChunk(step: string | Buffer): Buffer {
  const bytes = Buffer.from(step);
  if (bytes.length === 0) return bytes;
  return Buffer.concat([
    Buffer.from(`${bytes.length.toString(16)}\r\n`),
    bytes,
    Buffer.from("\r\n"),
  ]);
}
