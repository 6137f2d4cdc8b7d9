import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { startBackend } from "./harness/backend.ts";
import { figure, size } from "./harness/figures.ts";
import { askAtRate, askContinuously, Client, Tally } from "./harness/load.ts";
import { percentile } from "./harness/percentile.ts";
import { startProxyProcess } from "./harness/proxy.ts";

const model = "m";
const words = 4;
const concurrent = 32;
const seconds = size(60, 6);

test("T-36: three times what it can do: it does what it can and refuses the rest", async () => {
  const backend = await startBackend({ [model]: { words, first: 200, every: 25 } });
  const proxy = await startProxyProcess(
    {
      upstreams: [{ id: "a", base_url: backend.baseUrl }],
      limits: { concurrent, queue: 32 },
    },
    { environment: { NODE_OPTIONS: "--max-old-space-size=256" } },
  );
  const client = new Client(proxy.url, { connections: 2_000 });
  onTestFinished(() => client.close());
  const question = { model, words };

  /** So many at a time as the backend may be asked, for some seconds. */
  const measure = async (time: number) => {
    const tally = new Tally();
    const end = performance.now() + time * 1_000;
    const stopped = () => performance.now() > end;
    await askContinuously(client, question, { clients: concurrent, tally, stopped });
    return tally;
  };
  await measure(1);
  const calm = await measure(size(10, 2));
  const capacity = calm.of("complete") / size(10, 2);
  const calmTime = percentile(calm.milliseconds, 0.99);
  expect(calm.examples).toEqual([]);

  const tally = new Tally();
  await askAtRate(client, question, { perSecond: 3 * capacity, seconds, tally });
  const end = performance.now();
  for (let isCalm = false; !isCalm;) {
    const { outcome, milliseconds } = await client.ask(question);
    isCalm = outcome === "complete" && milliseconds < 2 * calmTime;
    if (performance.now() - end > 30_000) break;
  }
  const recovery = (performance.now() - end) / 1_000;
  await sleep(100);
  const after = await measure(size(5, 1));

  figure("T-36", "capacity, answers a second", capacity);
  figure("T-36", "asked, requests a second", tally.total / seconds);
  const goodput = tally.of("complete") / seconds / capacity;
  figure("T-36", "goodput, share of capacity", goodput, { atLeast: 0.9 });
  figure("T-36", "refused", tally.of("refused"), { atLeast: 1 });
  const otherwise = tally.total - tally.of("complete") - tally.of("refused");
  figure("T-36", "neither answered nor refused", otherwise, { atMost: 0 });
  figure("T-36", "refused without 503 and Retry-After", tally.impolite, { atMost: 0 });
  figure("T-36", "seconds to recover", recovery, { atMost: 5 });
  figure("T-36", "failed afterwards", after.failed, { atMost: 0 });
  figure("T-36", "at the backend at once", (await backend.counts()).most, { atMost: concurrent });
  expect(proxy.child.exitCode).toBe(null);
  expect(tally.examples).toEqual([
    expect.stringMatching(
      /× refused 503: server busy, please try again\. {2}maximum pending requests exceeded$/,
    ),
  ]);
});
