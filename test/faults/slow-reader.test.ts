import { request, type IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkStream, parseNdjson } from "../support/ndjson.ts";
import {
  chunk,
  sse,
  startScriptedUpstream,
  type ScriptedUpstream,
  type Step,
} from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";

const MEGABYTE = 1024 * 1024;
const PIECE = 16 * 1024;
const PIECES = (60 * MEGABYTE) / PIECE;
/** Four sockets lie between backend and client, and the kernel keeps up to 6 MiB in each. */
const KERNEL = 24 * MEGABYTE;

let upstream: ScriptedUpstream;
let proxy: StartedProxy;

beforeAll(async () => {
  upstream = await startScriptedUpstream();
  proxy = await startProxy({ upstreamUrl: upstream.baseUrl });
});
afterAll(async () => {
  await proxy.close();
  await upstream.close();
});

/** Each piece begins with its number, so that a lost or misplaced one is seen. */
function piece(index: number): string {
  return String(index).padEnd(PIECE, "x");
}

function* offer(): Generator<Step> {
  for (let index = 0; index < PIECES; index += 1) yield sse(chunk({ content: piece(index) }));
  yield sse(chunk({}, "stop"), "[DONE]");
}

function ask(path: string, body: object): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request(proxy.url + path, { method: "POST", agent: false }, resolve)
      .on("error", reject)
      .end(JSON.stringify(body));
  });
}

/** Collects garbage first, so that only what is held counts. */
setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

async function held(): Promise<number> {
  for (let round = 0; round < 5; round += 1) {
    collectGarbage();
    await sleep(30);
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const messages = [{ role: "user", content: "hi" }];

test.each([
  ["/api/chat", { model: "m", messages }],
  ["/v1/chat/completions", { model: "m", messages, stream: true }],
])("%s: a client that pauses slows the backend and loses nothing", async (path, body) => {
  upstream.play({ steps: offer() });
  const sentBefore = upstream.bytesSent();
  const heldBefore = await held();
  const answer = await ask(path, body);
  await sleep(1_000);
  const taken = upstream.bytesSent() - sentBefore;
  expect(taken).toBeGreaterThan(PIECE);
  expect(taken).toBeLessThan(KERNEL);
  const heldMore = (await held()) - heldBefore;
  console.log(`${path}: ${Math.round(heldMore / 1024)} KiB held for a client that pauses`);
  expect(heldMore).toBeLessThan(16 * MEGABYTE);
  await sleep(300);
  expect(upstream.bytesSent() - sentBefore).toBe(taken);

  const chunks: Buffer[] = [];
  for await (const bytes of answer) chunks.push(bytes as Buffer);
  const contents = contentsOf(path, Buffer.concat(chunks).toString());
  expect(contents).toHaveLength(PIECES);
  expect(contents.every((content, index) => content === piece(index))).toBe(true);
});

function contentsOf(path: string, text: string): string[] {
  if (path === "/api/chat") {
    const lines = parseNdjson(text);
    checkStream(lines, "chat");
    return lines.slice(0, -1).map((line) => (line["message"] as { content: string }).content);
  }
  const events = text.split("\n\n").slice(0, -1);
  expect(events.at(-1)).toBe("data: [DONE]");
  return events.slice(0, -2).map((event) => {
    const { choices } = JSON.parse(event.slice("data: ".length)) as {
      choices: { delta: { content: string } }[];
    };
    return choices[0]?.delta.content ?? "";
  });
}

test("a slow reader slows nobody else", async () => {
  upstream.play({ steps: offer() });
  const slow = await ask("/api/chat", { model: "m", messages });
  upstream.play({ steps: [sse(chunk({ content: "quick" }), chunk({}, "stop"), "[DONE]")] });
  const quick = await fetch(`${proxy.url}/api/chat`, {
    method: "POST",
    body: JSON.stringify({ model: "m", messages, stream: false }),
    signal: AbortSignal.timeout(5_000),
  });
  expect(await quick.json()).toMatchObject({ message: { content: "quick" }, done: true });
  slow.destroy();
});
