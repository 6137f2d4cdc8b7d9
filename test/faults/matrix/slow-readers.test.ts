import { request, type IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { checkStream, parseNdjson } from "../../support/ndjson.ts";
import { chunk, sse, type Step } from "../../support/scripted-upstream.ts";
import { sendRaw } from "../raw-client.ts";
import { until } from "../waiting.ts";
import { END, events, forever, repeatable, WELL } from "./backend-scripts.ts";
import { scripted } from "./backends.ts";
import { whole } from "./fault.ts";
import { fronts, type FrontName } from "./fronts.ts";
import { withStage } from "./play.ts";

const MEGABYTE = 1024 * 1024;
const PIECE = 16 * 1024;
const PIECES = (60 * MEGABYTE) / PIECE;
/** Four sockets lie between backend and client, and the kernel keeps up to 6 MiB in each. */
const KERNEL = 24 * MEGABYTE;

/** Each piece begins with its number, so that a lost or misplaced one is seen. */
function piece(index: number): string {
  return String(index).padEnd(PIECE, "x");
}

/** @param onTaken told of each piece when the one before has left */
function offer(onTaken: (pieces: number) => void): Iterable<Step> {
  return repeatable(function* () {
    for (let index = 0; index < PIECES; index += 1) {
      onTaken(index);
      yield sse(chunk({ content: piece(index) }));
    }
    yield END;
  });
}

function ask(
  port: number,
  { path, body }: { path: string; body: object },
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port, path, method: "POST", agent: false }, resolve)
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

function contentsOf(name: FrontName, text: string): string[] {
  if (name === "chat") {
    const lines = parseNdjson(text);
    checkStream(lines, "chat");
    return lines.slice(0, -1).map((line) => (line["message"] as { content: string }).content);
  }
  const told = text.split("\n\n").slice(0, -1);
  expect(told.at(-1)).toBe("data: [DONE]");
  return told.slice(0, -2).map((event) => {
    const { choices } = JSON.parse(event.slice("data: ".length)) as {
      choices: { delta: { content: string } }[];
    };
    return choices[0]?.delta.content ?? "";
  });
}

describe("F-87: a client that reads slowly", () => {
  test.each<FrontName>(["chat", "openai"])(
    "F-87 slows the backend and loses nothing · %s",
    async (name) => {
      let pieces = 0;
      const a = scripted({ steps: offer((taken) => (pieces = taken)) });
      await withStage({ a }, async ({ proxy }) => {
        const heldBefore = await held();
        const answer = await ask(proxy.port, fronts[name]);
        await sleep(1_000);
        const taken = pieces * PIECE;
        expect(taken).toBeGreaterThan(PIECE);
        expect(taken).toBeLessThan(KERNEL);
        const heldMore = (await held()) - heldBefore;
        console.log(`F-87: ${Math.round(heldMore / 1024)} KiB held for a client that pauses`);
        expect(heldMore).toBeLessThan(16 * MEGABYTE);
        await sleep(300);
        expect(pieces * PIECE).toBe(taken);

        const chunks: Buffer[] = [];
        for await (const bytes of answer) chunks.push(bytes as Buffer);
        const contents = contentsOf(name, Buffer.concat(chunks).toString());
        expect(contents).toHaveLength(PIECES);
        expect(contents.every((content, index) => content === piece(index))).toBe(true);
      });
    },
  );

  test("F-87 slows nobody else", async () => {
    let asked = 0;
    const a = scripted(() => {
      asked += 1;
      return asked === 1 ? { steps: offer(() => {}) } : events(WELL);
    });
    await withStage({ a }, async ({ proxy, client }) => {
      const slow = await ask(proxy.port, fronts.chat);
      const { path, body, check } = fronts.whole;
      check(await client.ask(path, body), whole("well"));
      slow.destroy();
    });
  });
});

describe("F-88: a client that keeps its connection and never reads", () => {
  const config = { timeouts: { write_stall: 0.3 } };

  test.each<FrontName>(["chat", "generate", "openai"])(
    "F-88 stream and backend's request end · %s",
    async (name) => {
      const text = sse(chunk({ content: "x".repeat(16_384) }));
      await withStage({ a: scripted({ steps: forever(text) }), config }, async ({ proxy, a }) => {
        const client = sendRaw({ port: proxy.port, ...fronts[name] });
        client.socket.pause();
        await until(
          "the backend's request ends",
          () => a.requests[0]?.closedAt !== undefined,
          5_000,
        );
        client.socket.resume();
        await until("the client's connection ends", () => client.socket.closed);
        expect(client.received().endsWith("0\r\n\r\n")).toBe(false);
        const line = { status: 200, outcome: "client_closed", error: "write_stall" };
        expect(proxy.logs.at(-1)).toMatchObject(line);
      });
    },
  );

  test("F-88 a whole answer that it does not take is dropped", async () => {
    // Escaped, this is three times as long, and more than the kernel holds.
    const content = "\u0085".repeat(3_900_000);
    const text = sse(chunk({ content }), chunk({}, "stop"), "[DONE]");
    await withStage({ a: scripted(events(text)), config }, async ({ proxy }) => {
      const client = sendRaw({ port: proxy.port, ...fronts.chat });
      client.socket.pause();
      const isOver = () => proxy.logs.some(({ status }) => status !== undefined);
      await until("it is given up", isOver, 15_000);
      client.socket.resume();
      await until("the client's connection ends", () => client.socket.closed);
      expect(client.received().endsWith("0\r\n\r\n")).toBe(false);
    });
  });
});
