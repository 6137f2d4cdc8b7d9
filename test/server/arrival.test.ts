import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";

const LIMIT = 1_000;
/** Beyond the limit for a whole request, and the time in which Node would have noticed. */
const PIECES = 25;
const PAUSE = 200;
const timeout = 30_000;

let proxy: StartedProxy;

beforeAll(async () => {
  proxy = await startProxy({ config: { timeouts: { request_body: LIMIT / 1_000 } } });
});
afterAll(() => proxy.close());

function begin(head: string): { socket: Socket; answered: Promise<string> } {
  const socket = connect(proxy.port, "127.0.0.1");
  const pieces: Buffer[] = [];
  socket.on("data", (bytes) => pieces.push(bytes));
  socket.on("error", () => {});
  socket.write(head);
  const answered = once(socket, "close").then(() => Buffer.concat(pieces).toString());
  return { socket, answered };
}

const head = (path: string, length: number) =>
  `POST ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: ${length}\r\n\r\n`;

const content = "x".repeat(PIECES);
const blob = `/api/blobs/sha256:${createHash("sha256").update(content).digest("hex")}`;

describe("in time", { timeout, concurrent: true }, () => {
  test("is a blob as long as its bytes come", async () => {
    const { socket, answered } = begin(head(blob, PIECES));
    for (const piece of content) {
      socket.write(piece);
      await sleep(PAUSE);
    }
    expect(await answered).toMatch(/^HTTP\/1\.1 201 /);
  });

  test.each([
    ["a blob that stops", head(blob.replace(/..$/, "00"), 5)],
    ["a body for nobody", head("/nowhere", 5)],
    ["a head that stops", "POST /api/chat HTTP/1.1\r\nhost: localhost\r\n"],
  ])("is not %s", async (what, text) => {
    const { socket, answered } = begin(text);
    if (!what.includes("head")) socket.write("{");
    const answer = await answered;
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toContain('{"error":"request timeout"}');
  });

  test("is a client that asks again on its connection after a blob", async () => {
    const path = `/api/blobs/sha256:${createHash("sha256").update("y").digest("hex")}`;
    const { socket, answered } = begin(
      `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\ny`,
    );
    await sleep(3 * LIMIT);
    socket.write("GET /api/version HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    const answer = await answered;
    expect(answer).toMatch(/^HTTP\/1\.1 201 /);
    expect(answer).toContain('"version"');
  });
});
