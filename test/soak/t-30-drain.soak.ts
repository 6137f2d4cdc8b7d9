import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { startBackend } from "./harness/backend.ts";
import { figure, size } from "./harness/figures.ts";
import { Client, Tally } from "./harness/load.ts";
import { endOf, startProxyProcess } from "./harness/proxy.ts";

const streams = size(200, 100);
const seconds = size(20, 3);
const words = seconds * 10;
const model = "m";

async function begin(drain_timeout: string) {
  const backend = await startBackend({ [model]: { words, every: 100 } });
  const proxy = await startProxyProcess({
    upstreams: [{ id: "a", base_url: backend.baseUrl, limits: { concurrent: streams } }],
    shutdown: { drain_delay: "1s", drain_timeout },
  });
  const client = new Client(proxy.url);
  onTestFinished(() => client.close());
  const tally = new Tally();
  const answers = Array.from({ length: streams }, async () =>
    tally.add(await client.ask({ model, words })),
  );
  for (let running = 0; running < streams; running = (await backend.counts()).running) {
    await sleep(20);
  }
  return { backend, proxy, client, tally, answers };
}

test("T-30: SIGTERM lets running streams end", async () => {
  const { proxy, client, tally, answers } = await begin("60s");
  proxy.signal("SIGTERM");
  await sleep(200);
  const ready = await client.get("/readyz");
  const alive = await client.get("/healthz");
  const end = endOf(proxy);
  await Promise.all(answers);
  const { code } = await end;
  figure("T-30", "streams while it drains", tally.total, { atLeast: streams });
  figure("T-30", "truncated", tally.failed, { atMost: 0 });
  figure("T-30", "/readyz", ready.status, { atLeast: 503, atMost: 503 });
  figure("T-30", "/healthz", alive.status, { atLeast: 200, atMost: 200 });
  figure("T-30", "exit code", code ?? -1, { atLeast: 0, atMost: 0 });
  expect(tally.examples).toEqual([]);
});

test("T-30: streams beyond drain_timeout end with an error in words", async () => {
  const { proxy, tally, answers } = await begin("500ms");
  proxy.signal("SIGTERM");
  const end = endOf(proxy);
  await Promise.all(answers);
  const { code, after } = await end;
  figure("T-30", "streams beyond the limit", tally.total, { atLeast: streams });
  figure("T-30", "ended without a word", tally.total - tally.of("broken off"), { atMost: 0 });
  // A second of delay, half a second of patience.
  figure("T-30", "ms over the limit", after - 1_500, { atMost: 2_000 });
  figure("T-30", "exit code beyond the limit", code ?? -1, { atLeast: 0, atMost: 0 });
  expect(tally.examples).toEqual([expect.stringContaining("server is shutting down")]);
});
