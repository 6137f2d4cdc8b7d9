import { connect, type Socket } from "node:net";
import { describe, test } from "vitest";
import { startConfiguredProxy } from "../soak/harness/configured-proxy.ts";
import { figure, size } from "../soak/harness/figures.ts";
import { percentile } from "../soak/harness/percentile.ts";
import { startScriptedUpstream } from "../support/scripted-upstream.ts";
import { ending, words } from "./plays.ts";
import { until } from "./waiting.ts";

const concurrent = 50;
const queue = 50;
const atOnce = 500;
const rounds = size(20, 2);

const busy = '{"error":"server busy, please try again.  maximum pending requests exceeded"}';
const body = JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }] });
const request = `POST /api/chat HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

/** A connection that is open already, so that nothing but the request is measured. */
interface Asker {
  readonly socket: Socket;
  text: string;
  /** When the first of its answer came. */
  answeredAt: number;
}

async function openAskers(port: number, count: number): Promise<Asker[]> {
  const askers = Array.from({ length: count }, (): Asker => {
    const asker: Asker = { socket: connect(port, "127.0.0.1"), text: "", answeredAt: 0 };
    asker.socket.setNoDelay(true).on("data", (bytes: Buffer) => {
      asker.answeredAt ||= performance.now();
      asker.text += bytes.toString();
    });
    return asker;
  });
  const opened = ({ socket }: Asker) => new Promise((resolve) => socket.once("connect", resolve));
  await Promise.all(askers.map(opened));
  return askers;
}

/** The same while the queue is full already, milliseconds each. */
async function refusedOneByOne(port: number): Promise<number[]> {
  const times: number[] = [];
  const [asker] = await openAskers(port, 1);
  if (asker === undefined) return times;
  for (let asked = 0; asked < 20; asked += 1) {
    Object.assign(asker, { text: "", answeredAt: 0 });
    const start = performance.now();
    asker.socket.write(request);
    await until("it is answered", () => isOver(asker), 5_000);
    if (isRefused(asker)) times.push(asker.answeredAt - start);
  }
  asker.socket.destroy();
  return times;
}

const isRefused = ({ text }: Asker) => text.startsWith("HTTP/1.1 503 ") && text.includes(busy);
const isComplete = ({ text }: Asker) =>
  text.startsWith("HTTP/1.1 200 ") && text.includes('"done":true') && !text.includes('"error"');
const isOver = (asker: Asker) => isRefused(asker) || asker.text.endsWith("0\r\n\r\n");

describe("T-16 a full queue answers at once", () => {
  test("500 at once, 50 are answered at a time and 50 wait", async () => {
    const upstream = await startScriptedUpstream();
    let running = 0;
    let most = 0;
    upstream.play(() => {
      running += 1;
      most = Math.max(most, running);
      return {
        steps: {
          *[Symbol.iterator]() {
            yield words("word0 ");
            yield { wait: 600 };
            running -= 1;
            yield ending;
          },
        },
      };
    });
    const proxy = await startConfiguredProxy({
      upstreams: [{ id: "a", base_url: upstream.baseUrl, models: ["m"], dialect: "generic" }],
      limits: { concurrent, queue },
      log: { level: "error", format: "json" },
    });

    const askers = await openAskers(proxy.port, atOnce);
    const refusals: number[] = [];
    const oneByOne: number[] = [];
    const counts = { refused: 0, complete: 0, told: 0 };
    for (let round = 0; round < rounds; round += 1) {
      const start = performance.now();
      for (const asker of askers) {
        Object.assign(asker, { text: "", answeredAt: 0 });
        asker.socket.write(request);
      }
      const refusedSoFar = () => askers.filter(isRefused).length;
      await until("those without a place are refused", () => refusedSoFar() >= 400, 5_000);
      if (round > 0) oneByOne.push(...(await refusedOneByOne(proxy.port)));
      await until("all are answered", () => askers.every(isOver), 20_000);
      const refused = askers.filter(isRefused);
      counts.refused += refused.length;
      counts.told += refused.filter(({ text }) => /\r\nretry-after: 1\r\n/i.test(text)).length;
      counts.complete += askers.filter(isComplete).length;
      // The first bursts find code that has hardly run.
      if (round >= rounds / 2)
        refusals.push(...refused.map(({ answeredAt }) => answeredAt - start));
    }
    figure("T-16", "bursts of 500", rounds);
    figure("T-16", "refused a burst", counts.refused / rounds, { atLeast: 400, atMost: 400 });
    figure("T-16", "complete a burst", counts.complete / rounds, { atLeast: 100, atMost: 100 });
    figure("T-16", "refusals without Retry-After: 1", counts.refused - counts.told, { atMost: 0 });
    figure("T-16", "at the backend at a time", most, { atMost: concurrent });
    // What came before it in the burst is part of what the last one waits for.
    figure("T-16", "ms until refused, in the burst, p50", percentile(refusals, 0.5));
    figure("T-16", "ms until refused, in the burst, p99", percentile(refusals, 0.99));
    figure("T-16", "ms until refused, one by one, p99", percentile(oneByOne, 0.99), { atMost: 50 });
    for (const { socket } of askers) socket.destroy();
    await upstream.close();
  });
});
