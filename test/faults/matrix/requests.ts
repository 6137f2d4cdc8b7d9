import { gzipSync } from "node:zlib";

/** What a client sends, byte for byte, and what becomes of it. */
export interface Question {
  /** The pieces go out one after the other. */
  readonly sent: string | Buffer | readonly (string | Buffer)[];
  /** Undefined: the connection is closed without a word. */
  readonly status: number | undefined;
  /** All of the body, or what is in it. */
  readonly body?: string | RegExp;
  /** The client ends its half after what it sent. */
  readonly ends?: true;
  /** The connection stays open. */
  readonly stays?: true;
  readonly decided?: string;
}

export type Questions = Readonly<Record<string, Question>>;

/** Largest body that is taken in these rows. */
export const MAX_BODY = 2 * 1024 * 1024;

const CHAT = `{"model":"m","stream":false,"messages":[{"role":"user","content":"hi"}]}`;
const HOST = "host: localhost";
const VERSION = '{"version":"0.34.4"}';

/** JSON of a request with this much text in it. */
export function sized(bytes: number): string {
  const frame = CHAT.replace("hi", "");
  return frame.replace('"content":"', `"content":"${"x".repeat(bytes - frame.length)}`);
}

export function post(path: string, headers: string, body: string | Buffer = ""): Buffer {
  const head = `POST ${path} HTTP/1.1\r\n${HOST}\r\n${headers}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), Buffer.from(body)]);
}

export function withLength(path: string, body: string | Buffer, headers = "x: y"): Buffer {
  return post(path, `${headers}\r\ncontent-length: ${Buffer.byteLength(body)}`, body);
}

export function inChunks(path: string, ...pieces: readonly string[]): Buffer {
  const chunks = pieces.map((piece) => `${Buffer.byteLength(piece).toString(16)}\r\n${piece}\r\n`);
  return post(path, "transfer-encoding: chunked", `${chunks.join("")}0\r\n\r\n`);
}

interface Route {
  readonly path: string;
  /** Its error with this text. */
  readonly error: (text: string) => string;
  /** Its word for no body. */
  readonly missing: string;
  /** What it says to a request of no model. */
  readonly nobody: Pick<Question, "status" | "body">;
}

const ollama = (text: string) => JSON.stringify({ error: text });
const openai = (message: string) => {
  const type = "invalid_request_error";
  return JSON.stringify({ error: { message, type, param: null, code: null } });
};

const routes: readonly Route[] = [
  {
    path: "/api/chat",
    error: ollama,
    missing: "missing request body",
    nobody: { status: 400, body: ollama("model is required") },
  },
  {
    path: "/api/generate",
    error: ollama,
    missing: "missing request body",
    nobody: { status: 404, body: ollama("model '' not found") },
  },
  {
    path: "/api/embed",
    error: ollama,
    missing: "missing request body",
    nobody: { status: 404, body: ollama("model '' not found") },
  },
  {
    path: "/v1/chat/completions",
    error: openai,
    missing: "EOF",
    nobody: { status: 400, body: openai("model is required") },
  },
];

/** The rows that are played on every route with a body. */
function bodiesOf({ path, error, missing, nobody }: Route): Questions {
  const refused = (status: number, text: string, sent: Question["sent"]): Question => ({
    sent,
    status,
    body: error(text),
    ...(status === 413 ? {} : { stays: true }),
  });
  const invalid = (body: string): Question => ({
    sent: withLength(path, body),
    status: 400,
    body: /^\{"error":.*[a-z]/u,
    stays: true,
  });
  const over = sized(MAX_BODY + 1);
  const deep = "exceeded max depth";
  const complex = "request too complex";
  return {
    "F-92 one byte too many, as announced": refused(
      413,
      "request body too large",
      withLength(path, over),
    ),
    "F-92 one byte too many, without a length": refused(
      413,
      "request body too large",
      inChunks(path, over.slice(0, MAX_BODY), over.slice(MAX_BODY)),
    ),
    "F-93 257 levels": refused(
      400,
      deep,
      withLength(path, `{"x":${"[".repeat(256)}${"]".repeat(256)}}`),
    ),
    "F-93 a million levels": refused(400, deep, withLength(path, "[".repeat(1_000_000))),
    "F-93 500,001 values": refused(400, complex, withLength(path, `[${"0,".repeat(500_000)}0]`)),
    "F-93 500,001 objects": refused(400, complex, withLength(path, `[${"{},".repeat(250_000)}{}]`)),
    "F-94 nothing": refused(400, missing, withLength(path, "")),
    "F-94 white space": refused(400, missing, withLength(path, " \n")),
    "F-94 half of it": refused(400, "unexpected EOF", withLength(path, CHAT.slice(0, -1))),
    ...Object.fromEntries(
      ["[]", '"x"', "5", "true", "{]", "{'model':1}", "nonsense"].map((body) => [
        `F-94 ${body}`,
        invalid(body),
      ]),
    ),
    "F-94 null": {
      sent: withLength(path, "null"),
      ...nobody,
      stays: true,
      decided: "an object without members, as real Ollama reads it",
    },
    ...Object.fromEntries(
      ["gzip", "zstd", "br", "deflate", "gzip, gzip"].map((encoding) => [
        `F-95 a body in ${encoding}`,
        refused(
          415,
          "unsupported content encoding",
          withLength(path, gzipSync(CHAT), `content-encoding: ${encoding}`),
        ),
      ]),
    ),
    "F-97 much is announced, and leave is asked for": {
      sent: post(path, `expect: 100-continue\r\ncontent-length: ${MAX_BODY + 1}`),
      status: 413,
      body: error("request body too large"),
    },
  };
}

export const bodies: Questions = Object.fromEntries(
  routes.flatMap((route) =>
    Object.entries(bodiesOf(route)).map(([title, question]) => [
      `${title} · ${route.path}`,
      question,
    ]),
  ),
);

const bad = { status: 400, body: '{"error":"bad request"}' };
const chat = (headers: string, body = CHAT) => post("/api/chat", headers, body);
const LENGTH = `content-length: ${CHAT.length}`;

/** What is no request, or more than one. */
export const framing: Questions = {
  "F-91 a body that ends before its length": {
    sent: chat("content-length: 999"),
    ends: true,
    ...bad,
  },
  "F-98 a length and chunks": { sent: chat(`transfer-encoding: chunked\r\n${LENGTH}`), ...bad },
  "F-98 chunks that are identity": { sent: chat("transfer-encoding: chunked, identity"), ...bad },
  "F-98 an unknown transfer encoding": { sent: chat("transfer-encoding: x"), ...bad },
  "F-98 two lengths": { sent: chat(`content-length: 5\r\n${LENGTH}`), ...bad },
  "F-98 a negative length": { sent: chat("content-length: -1"), ...bad },
  "F-98 a space before the colon": { sent: chat("content-length : 5"), ...bad },
  "F-98 a folded header": { sent: chat(`x: a\r\n b\r\n${LENGTH}`), ...bad },
  "F-98 NUL in a header": { sent: chat(`x: a\0b\r\n${LENGTH}`), ...bad },
  "F-98 lines that end in LF alone": {
    sent: `POST /api/chat HTTP/1.1\n${HOST}\n${LENGTH}\n\n${CHAT}`,
    ...bad,
  },
  "F-98 a chunk of 2^68 bytes": {
    sent: chat("transfer-encoding: chunked", "fffffffffffffffff\r\nx"),
    ...bad,
  },
  "F-98 HTTP/2 without being asked": { sent: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ...bad },
  "F-98 a TLS greeting": { sent: Buffer.from([0x16, 3, 1, 2, 0]), ...bad },
  "F-98 two hosts": { sent: chat(`${HOST}\r\n${LENGTH}`), ...bad },
  "F-98 an absolute target": {
    sent: `GET http://localhost/api/version HTTP/1.1\r\n${HOST}\r\n\r\n`,
    ...bad,
  },
  "F-98 an absolute target elsewhere": {
    sent: `GET http://evil.example/api/version HTTP/1.1\r\n${HOST}\r\n\r\n`,
    ...bad,
  },
  "F-98 CONNECT": {
    sent: `CONNECT evil.example:443 HTTP/1.1\r\n${HOST}\r\n\r\n`,
    status: undefined,
  },
  "F-98 TRACE": {
    sent: `TRACE /api/chat HTTP/1.1\r\n${HOST}\r\n\r\n`,
    status: 404,
    body: "404 page not found",
    stays: true,
    decided: "a method that no route has, as a path that there is not",
  },
  "F-98 an upgrade to HTTP/2": {
    sent: `GET /api/version HTTP/1.1\r\n${HOST}\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n`,
    status: 200,
    body: VERSION,
    stays: true,
  },
  "F-99 101 headers": {
    sent: `GET /api/version HTTP/1.1\r\n${HOST}\r\n${"x: y\r\n".repeat(100)}\r\n`,
    status: 431,
    body: '{"error":"request header fields too large"}',
  },
  "F-99 a header of 17 KiB": {
    sent: `GET /api/version HTTP/1.1\r\n${HOST}\r\nx: ${"y".repeat(17 * 1024)}\r\n\r\n`,
    status: 431,
    body: '{"error":"request header fields too large"}',
  },
};

function asking(method: string, path: string): string {
  return `${method} ${path} HTTP/1.1\r\n${HOST}\r\n\r\n`;
}

/** Routes, and what none of them is. */
export const addresses: Questions = Object.fromEntries([
  ...(
    [
      ["GET", "/api/chat", 405, "405 method not allowed"],
      ["DELETE", "/api/generate", 405, "405 method not allowed"],
      ["POST", "/api/tags", 405, "405 method not allowed"],
      ["PUT", "/v1/models", 405, "405 method not allowed"],
      ["GET", "/api/nothing", 404, "404 page not found"],
      ["POST", "/v1/nothing", 404, "404 page not found"],
      ["GET", "/api", 404, "404 page not found"],
      ["GET", "/%2e%2e/api/tags", 404, "404 page not found"],
      ["HEAD", "/", 200, ""],
      ["HEAD", "/api/version", 200, ""],
      ["HEAD", "/api/tags", 200, ""],
      ["HEAD", "/healthz", 200, ""],
      ["HEAD", "/api/chat", 405, ""],
      ["HEAD", "/api/nothing", 404, ""],
    ] as const
  ).map(([method, path, status, body]): [string, Question] => [
    `F-100 ${method} ${path}`,
    { sent: asking(method, path), status, body, stays: true },
  ]),
  [
    "F-100 a body where none belongs",
    {
      sent: `GET /api/version HTTP/1.1\r\n${HOST}\r\ncontent-length: 2\r\n\r\n{]`,
      status: 200,
      body: VERSION,
      stays: true,
    },
  ],
]);

export const oddNames: Readonly<Record<string, string>> = {
  "10 KB": "x".repeat(10_240),
  "a path": "../x",
  "an absolute path": "/etc/passwd",
  "line ends": "a\r\nb",
  NUL: "a\0b",
  "marks for right to left": "a\u202Eb",
  "three parts": "a:b:c",
  "a tag of the cloud": "x:cloud:local",
  "a space": "a b",
  markup: "<img onerror=1>",
};

/** Bodies that are odd, and that real Ollama takes. */
export const taken: Readonly<Record<string, string | Buffer>> = {
  "garbage after the object": `${CHAT} xx`,
  "two objects": `${CHAT}${CHAT}`,
  "white space before it": `\r\n\t ${CHAT}`,
  "a byte order mark": `\uFEFF${CHAT}`,
  "null where nothing is meant": CHAT.replace("{", '{"options":null,"format":null,"tools":null,'),
  "members it does not know": CHAT.replace("{", '{"more":1,'),
  "the last of two equal keys": CHAT.replace("{", '{"model":"nope",'),
  "invalid UTF-8": Buffer.concat([
    Buffer.from(CHAT.slice(0, CHAT.indexOf("hi"))),
    Buffer.from([0xff]),
    Buffer.from(CHAT.slice(CHAT.indexOf("hi"))),
  ]),
};
