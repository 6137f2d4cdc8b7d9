import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { writeEvents } from "../../src/demo/event-writer.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const EVENT_BYTES = 64 * 1024;
const EVENT_COUNT = 3000;

/** Serves a long stream to a client that says when it reads and when it leaves. */
async function startStream(pace: number) {
  const padding = "x".repeat(EVENT_BYTES);
  let taken = 0;
  function* events() {
    while (taken < EVENT_COUNT) {
      taken += 1;
      yield { taken, padding };
    }
  }

  let finish: () => void;
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const server = createServer((_, response) => {
    void writeEvents(response, events(), pace).then(finish);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no TCP address");

  const client = connect(address.port, "127.0.0.1");
  client.on("error", () => {});
  client.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
  closers.push(() => {
    client.destroy();
    server.close();
    server.closeAllConnections();
  });
  return { client, finished, countTaken: () => taken };
}

test("a client that hangs up between two events ends the stream", async () => {
  const { client, finished, countTaken } = await startStream(60_000);
  await once(client, "data");
  client.destroy();
  await finished;
  expect(countTaken()).toBe(1);
});

test("a client that reads slowly is waited for, and may then hang up", async () => {
  const { client, finished, countTaken } = await startStream(0);
  await expect.poll(countTaken).toBeGreaterThan(1);
  const held = await settle(countTaken);
  // What the sockets of both sides hold, a few megabytes.
  expect(held).toBeLessThan(EVENT_COUNT / 3);

  await read(client, 2 * held * EVENT_BYTES);
  const last = await settle(countTaken);
  expect(last).toBeGreaterThanOrEqual(2 * held);
  expect(last).toBeLessThan(EVENT_COUNT);

  client.destroy();
  await finished;
  expect(countTaken()).toBe(last);
});

/** Reads that many bytes, and no more until further notice. */
async function read(client: Socket, byteCount: number): Promise<void> {
  let left = byteCount;
  await new Promise<void>((resolve) => {
    client.on("data", (chunk) => {
      left -= chunk.length;
      if (left > 0) return;
      client.pause();
      resolve();
    });
  });
}

/** The figure, once it has stood still for a while. */
async function settle(figure: () => number): Promise<number> {
  for (;;) {
    const before = figure();
    await new Promise((resolve) => {
      setTimeout(resolve, 100);
    });
    if (figure() === before) return before;
  }
}
