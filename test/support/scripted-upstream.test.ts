import { connect } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  chunk,
  json,
  sse,
  startScriptedUpstream,
  type Script,
  type ScriptedUpstream,
} from "./scripted-upstream.ts";

let upstream: ScriptedUpstream;
beforeEach(async () => {
  upstream = await startScriptedUpstream();
});
afterEach(() => upstream.close());

interface Seen {
  text: string;
  /** `FIN`, `open`, or the code of the error. */
  end: string;
}

const POST = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";

/** Sends bytes and reads until the server closes, or until `enough` is seen. */
async function ask(bytes: string | Buffer, enough = "\0"): Promise<Seen> {
  const socket = connect(Number(new URL(upstream.baseUrl).port), "127.0.0.1");
  let text = "";
  const end = await new Promise<string>((resolve) => {
    socket.on("data", (data) => {
      text += data.toString("latin1");
      if (text.includes(enough)) resolve("open");
    });
    socket.on("end", () => resolve("FIN"));
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "unknown"));
    socket.write(bytes);
  });
  socket.destroy();
  return { text, end };
}

async function play(script: Script, enough?: string): Promise<Seen> {
  upstream.play(script);
  return ask(POST, enough);
}

function* endless(): Generator<Buffer> {
  for (;;) yield Buffer.alloc(65_536);
}

const HEAD = "HTTP/1.1 200 Scripted\r\ncontent-type: text/event-stream\r\n";

test("each step is one chunk, and the body ends well", async () => {
  const seen = await play({ steps: ["ab", Buffer.from([0xff]), ""] }, "0\r\n\r\n");
  expect(seen.text).toBe(
    `${HEAD}transfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\n\xff\r\n0\r\n\r\n`,
  );
  expect(seen.end).toBe("open");
});

test("status and headers are the script's", async () => {
  const seen = await play(json(429, { a: 1 }, { "retry-after": "2" }), "0\r\n\r\n");
  expect(seen.text).toMatch(
    /^HTTP\/1.1 429 .*\r\ncontent-type: application\/json\r\nretry-after: 2\r\n/u,
  );
  expect(seen.text).toContain('7\r\n{"a":1}\r\n');
});

test.each<[name: string, script: Script, after: string, end: string]>([
  ["end: last chunk, then FIN", { steps: ["ab", { end: true }] }, "2\r\nab\r\n0\r\n\r\n", "FIN"],
  ["destroy: FIN inside a chunk", { steps: ["ab", { destroy: true }] }, "2\r\nab\r\nff\r\n", "FIN"],
  ["reset: RST", { steps: ["ab", { reset: true }] }, "2\r\nab\r\n", "ECONNRESET"],
])("%s", async (_name, script, after, end) => {
  const seen = await play({ ...script, steps: [...script.steps].toSpliced(1, 0, { wait: 20 }) });
  expect(seen.text.split("\r\n\r\n").slice(1).join("\r\n\r\n")).toBe(after);
  expect(seen.end).toBe(end);
});

test("reset before the first byte", async () => {
  expect(await play({ raw: true, steps: [{ reset: true }] })).toEqual({
    text: "",
    end: "ECONNRESET",
  });
});

test("raw: the steps are all that is sent", async () => {
  expect(await play({ raw: true, steps: ["SSH-2.0-x\r\n"] })).toEqual({
    text: "SSH-2.0-x\r\n",
    end: "FIN",
  });
});

test("unframed: the connection delimits the body", async () => {
  const seen = await play({ unframed: true, steps: ["ab", "cd"] });
  expect(seen).toEqual({ text: `${HEAD}connection: close\r\n\r\nabcd`, end: "FIN" });
});

test("hang: nothing more, the connection stays open until the peer leaves", async () => {
  const seen = await play({ steps: ["ab", { hang: true }, "never"] }, "ab\r\n");
  expect(seen.end).toBe("open");
  await expect.poll(() => upstream.requests[0]?.closedAt).toBeTypeOf("number");
  await expect.poll(() => upstream.openConnections()).toBe(0);
});

test("a finished answer has no closedAt", async () => {
  await play({ steps: ["ab"] }, "0\r\n\r\n");
  await expect.poll(() => upstream.openConnections()).toBe(0);
  expect(upstream.requests[0]).not.toHaveProperty("closedAt");
});

test("requests are recorded, split anywhere, pipelined, by length and chunked", async () => {
  upstream.play((request) => json(200, { echo: request.body }));
  const long = `POST /a HTTP/1.1\r\nX-Key: v: 1\r\nContent-Length: 3\r\n\r\n"é`;
  const chunked =
    "POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n1\r\n \r\n0\r\n\r\n";
  const socket = connect(Number(new URL(upstream.baseUrl).port), "127.0.0.1");
  for (const byte of Buffer.from(long + chunked)) socket.write(Buffer.of(byte));
  await expect.poll(() => upstream.requests.length).toBe(2);
  socket.destroy();
  expect(upstream.requests).toMatchObject([
    { method: "POST", path: "/a", headers: { "x-key": "v: 1" }, body: '"é' },
    { method: "POST", path: "/b", body: "{} " },
  ]);
});

test("a connection is kept alive", async () => {
  upstream.play({ steps: ["x"] });
  expect((await ask(POST + POST, "0\r\n\r\nHTTP")).text.match(/HTTP\/1.1 200/gu)).toHaveLength(2);
});

test("GET requests: the model list, one model, scripts by path", async () => {
  await upstream.close();
  upstream = await startScriptedUpstream({
    models: [{ id: "a/b" }],
    lookups: { "/props": json(401, { error: "key" }) },
  });
  const get = async (path: string) => {
    const answer = await fetch(new URL(path, upstream.baseUrl));
    return [answer.status, await answer.json()];
  };
  expect(await get("/v1/models")).toEqual([200, { object: "list", data: [{ id: "a/b" }] }]);
  expect(await get("/v1/models/a/b")).toEqual([200, { id: "a/b" }]);
  expect(await get("/props")).toEqual([401, { error: "key" }]);
  expect((await get("/other"))[0]).toBe(404);
  expect(upstream.requests).toHaveLength(0);
  expect(upstream.lookups.map((request) => request.path)).toContain("/props");
});

test("a client that stops reading stops an endless script", async () => {
  upstream.play({ steps: endless() });
  const socket = connect(Number(new URL(upstream.baseUrl).port), "127.0.0.1");
  socket.on("error", () => {});
  socket.pause();
  socket.write(POST);
  await expect.poll(() => upstream.bytesSent()).toBeGreaterThan(0);
  await expect
    .poll(async () => {
      const before = upstream.bytesSent();
      await new Promise((resolve) => setTimeout(resolve, 50));
      return upstream.bytesSent() - before;
    })
    .toBe(0);
  expect(upstream.bytesSent()).toBeLessThan(64 * 2 ** 20);
  socket.destroy();
  await expect.poll(() => upstream.openConnections()).toBe(0);
});

test("without a script a request fails in plain words", async () => {
  expect((await ask(POST, "0\r\n\r\n")).text).toContain("the test has not said what to play");
});

test("builders", () => {
  expect(sse({ a: 1 }, "[DONE]")).toBe('data: {"a":1}\n\ndata: [DONE]\n\n');
  expect(chunk({ content: "x" }, "stop", { usage: null })).toMatchObject({
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta: { content: "x" }, finish_reason: "stop" }],
    usage: null,
  });
});
