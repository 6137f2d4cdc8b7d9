import { connect } from "node:net";
import type { RecordedAnswer } from "./recordings.ts";

export interface RawAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** The address that Ollama was recorded at; requests name it, wherever they are sent. */
const HOST = "127.0.0.1:11434";
const FORM = "application/x-www-form-urlencoded";

/** Sends a recorded question byte for byte as curl does, which no HTTP client would do for us. */
export async function exchange(
  port: number,
  question: Pick<RecordedAnswer, "method" | "path" | "headers" | "body">,
  version = "1.1",
): Promise<RawAnswer> {
  const socket = connect(port, "127.0.0.1");
  const pieces: Buffer[] = [];
  try {
    return await new Promise<RawAnswer>((resolve, reject) => {
      socket.on("error", reject);
      socket.on("data", (data) => {
        pieces.push(data);
        const answer = readAnswer(Buffer.concat(pieces), question.method, false);
        if (answer) resolve(answer);
      });
      socket.on("end", () => {
        const answer = readAnswer(Buffer.concat(pieces), question.method, true);
        if (answer) resolve(answer);
        else reject(new Error("the answer was cut off"));
      });
      socket.write(requestBytes(question, version));
    });
  } finally {
    socket.destroy();
  }
}

function requestBytes(
  { method, path, headers = [], body }: Parameters<typeof exchange>[1],
  version: string,
): Buffer {
  const bytes = body === undefined ? undefined : bodyBytes(body);
  const given = new Map(headers.map(readHeader));
  const all = new Map([["Host", HOST], ["User-Agent", "curl/7.88.1"], ["Accept", "*/*"], ...given]);
  if (bytes) {
    all.set("Content-Length", String(bytes.length));
    if (!given.has("Content-Type")) all.set("Content-Type", FORM);
  }
  const lines = [...all].map(([name, value]) => `${name}: ${value}\r\n`);
  const head = Buffer.from(`${method} ${path} HTTP/${version}\r\n${lines.join("")}\r\n`, "latin1");
  return bytes ? Buffer.concat([head, bytes]) : head;
}

function readHeader(line: string): [name: string, value: string] {
  const [name = "", value = ""] = line.replace(/;$/u, ":").split(/:\s*(.*)/su);
  return [name, value];
}

function bodyBytes(text: string): Buffer {
  const pieces = text.split(/\\x([0-9a-f]{2})/u);
  return Buffer.concat(
    pieces.map((piece, index) => Buffer.from(piece, index % 2 === 0 ? "utf8" : "hex")),
  );
}

export function readAnswer(bytes: Buffer, method: string, ended: boolean): RawAnswer | undefined {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const [first = "", ...lines] = bytes.toString("latin1", 0, headEnd).split("\r\n");
  const status = Number(first.split(" ")[1]);
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const [name, value] = readHeader(line);
    const key = name.toLowerCase();
    headers[key] = key in headers ? `${headers[key]}, ${value}` : value;
  }
  const rest = bytes.subarray(headEnd + 4);
  const bodiless = method === "HEAD" || status === 204 || status === 304;
  const body = bodiless ? Buffer.alloc(0) : readBody(rest, headers, ended);
  return body && { status, headers, body: body.toString("utf8") };
}

function readBody(
  bytes: Buffer,
  headers: Record<string, string>,
  ended: boolean,
): Buffer | undefined {
  if (headers["transfer-encoding"] === "chunked") return readChunks(bytes);
  const length = headers["content-length"];
  if (length === undefined) return ended ? bytes : undefined;
  const body = bytes.subarray(0, Number(length));
  return body.length < Number(length) ? undefined : body;
}

function readChunks(bytes: Buffer): Buffer | undefined {
  const chunks: Buffer[] = [];
  for (let at = 0; ;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    const end = lineEnd + 2 + size;
    if (bytes.length < end + 2) return undefined;
    if (size === 0) return Buffer.concat(chunks);
    chunks.push(bytes.subarray(lineEnd + 2, end));
    at = end + 2;
  }
}
