import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { startConfiguredProxy } from "../soak/harness/configured-proxy.ts";
import { figure, size } from "../soak/harness/figures.ts";
import { inParallel } from "../soak/harness/parallel.ts";
import { percentile } from "../soak/harness/percentile.ts";
import {
  startScriptedUpstream,
  type RecordedRequest,
  type Script,
} from "../support/scripted-upstream.ts";
import { questionIn, raw, refuses, says, words } from "./plays.ts";
import { sendRaw, type RawClient } from "./raw-client.ts";
import { startSleepingServer } from "./sleeping-server.ts";
import { until } from "./waiting.ts";

/** Clients that leave at each stage, and how many of them are there at the same time. */
const times = size(500, 40);
const atOnce = 20;
const inWave = 20;
/** Milliseconds until the backend must see it. */
const mayTake = 100;
/** What is not over by then, in milliseconds, goes on for nobody. */
const patience = 5_000;

const fifty = Array.from({ length: 50 }, (_, index) => `word${index} `);

/** Stages at a backend that speaks; the client leaves when it has read so many words. */
const speaking: Readonly<Record<string, { script: Script; words: number }>> = {
  "before the headers": { script: raw({ hang: true }), words: 0 },
  "after 1 chunk": { script: { steps: [words("word0 "), { hang: true }] }, words: 1 },
  "after 50 chunks": {
    script: { steps: [...fifty.flatMap((word) => [words(word), { wait: 1 }]), { hang: true }] },
    words: 50,
  },
};

test("T-20 a client that leaves stops its backend, at every stage", async () => {
  /** By what they ask, so that each client's own requests are known. */
  const requests = new Map<string, RecordedRequest[]>();
  const arrivals = new Map<string, number[]>();
  /** What is to be done when one is refused. */
  const refused = new Map<string, () => Promise<void>>();
  const keep = (request: RecordedRequest) => {
    const { model, prompt } = questionIn(request);
    arrivals.set(prompt, [...(arrivals.get(prompt) ?? []), performance.now()]);
    requests.set(prompt, [...(requests.get(prompt) ?? []), request]);
    return { model, prompt };
  };
  const ofStage = (stage: string) =>
    [...requests].filter(([prompt]) => prompt.startsWith(`${stage} #`)).map(([, asked]) => asked);

  const upstream = await startScriptedUpstream();
  let isHeld = true;
  upstream.play((request) => {
    const { model, prompt } = keep(request);
    if (model === "limited") {
      void refused.get(prompt)?.();
      return refuses(429, { "retry-after": "1" });
    }
    if (model === "queued") return holding(() => isHeld && prompt === "holder");
    return speaking[model]?.script ?? raw({ hang: true });
  });
  const spare = await startScriptedUpstream();
  spare.play((request) => {
    keep(request);
    return says("never");
  });
  const sleeper = await startSleepingServer();
  const entry = (id: string, models: readonly string[], baseUrl = upstream.baseUrl) => ({
    id,
    base_url: baseUrl,
    models: [...models],
    dialect: "generic" as const,
  });
  const spoken = Object.keys(speaking);
  const connecting = entry("asleep", ["connecting"], `http://127.0.0.1:${sleeper.port}/v1`);
  const proxy = await startConfiguredProxy({
    upstreams: [
      entry("speaking", [...spoken, "sending"]),
      { ...entry("queued", ["queued"]), limits: { concurrent: 1 } },
      // Each request takes the next key, and finds it unrested.
      {
        ...entry("limited", ["limited"]),
        api_key: Array.from({ length: 4_000 }, (_, n) => `k${n}`),
      },
      { ...connecting, timeouts: { connect: 30 } },
      { ...entry("spare", [...spoken, "sending", "connecting"], spare.baseUrl), priority: 1 },
    ],
    failover: { ambiguous: true, budget: 1 },
    limits: { concurrent: 1_000 },
    health: { interval: 0 },
    log: { level: "error", format: "json" },
  });

  const body = (model: string, prompt: string) => ({
    model,
    messages: [{ role: "user", content: prompt }],
  });
  const enter = (model: string, prompt: string, upTo?: number): RawClient =>
    sendRaw({
      port: proxy.port,
      path: "/api/chat",
      body: body(model, prompt),
      ...(upTo === undefined ? {} : { upTo }),
    });
  const report = (stage: string, delays: readonly number[], further: number) => {
    const orphans = delays.filter((delay) => !Number.isFinite(delay)).length;
    figure("T-20", `clients that left ${stage}`, delays.length, { atLeast: times });
    figure("T-20", `ms until it is over, p99, ${stage}`, percentile(delays, 0.99), {
      atMost: mayTake,
    });
    figure("T-20", `orphans, ${stage}`, orphans, { atMost: 0 });
    figure("T-20", `further attempts, ${stage}`, further, { atMost: 0 });
  };

  for (const [stage, { words: count }] of Object.entries(speaking)) {
    const delays: number[] = [];
    await inParallel(times, atOnce, async (index) => {
      const prompt = `${stage} #${index}`;
      const client = enter(stage, prompt);
      const last = count === 0 ? "" : `word${count - 1} `;
      await until(
        "it is there",
        () => requests.has(prompt) && client.received().includes(last),
        patience,
      );
      const [request] = requests.get(prompt) ?? [];
      const left = performance.now();
      client.socket.destroy();
      await until("it is seen", () => request?.closedAt !== undefined, patience).catch(() => {});
      delays.push((request?.closedAt ?? Infinity) - left);
    });
    report(stage, delays, ofStage(stage).filter((asked) => asked.length > 1).length);
  }

  /** Where the backend sees nothing of it: they come and leave in waves, until the proxy has none. */
  async function inWaves(
    enterOne: (index: number) => RawClient,
    entered: (count: number) => Promise<unknown>,
    gauge: string,
    labels = {},
  ): Promise<number[]> {
    const delays: number[] = [];
    const before = await proxy.metric(gauge, labels);
    for (let index = 0; index < times; index += inWave) {
      const clients = Array.from({ length: inWave }, (_, place) => enterOne(index + place));
      await entered(index + inWave);
      const left = performance.now();
      for (const { socket } of clients) socket.destroy();
      let delay = Infinity;
      while (delay === Infinity && performance.now() - left < patience) {
        const value = await proxy.metric(gauge, labels);
        if (value <= before) delay = performance.now() - left;
      }
      delays.push(...clients.map(() => delay));
    }
    return delays;
  }
  const metricIs = (gauge: string, labels: Record<string, string>, count: number) =>
    expect.poll(() => proxy.metric(gauge, labels), { timeout: patience }).toBe(count);

  const holder = enter("queued", "holder");
  await until("it holds the place", () => requests.has("holder"), patience);
  const queued = "ollama_proxy_upstream_queued";
  const inQueue = await inWaves(
    (index) => enter("queued", `queue #${index}`),
    () => metricIs(queued, { upstream: "queued" }, inWave),
    queued,
    { upstream: "queued" },
  );
  isHeld = false;
  await until(
    "the holder has its answer",
    () => holder.received().includes('"done":true'),
    patience,
  );
  await sleep(200);
  report("in the queue", inQueue, ofStage("queue").length);

  const running = "ollama_proxy_upstream_in_flight";
  const whileConnecting = await inWaves(
    (index) => enter("connecting", `connect #${index}`),
    () => metricIs(running, { upstream: "asleep" }, inWave),
    running,
    { upstream: "asleep" },
  );
  const said = await sleeper.wake(1_500);
  report("while it connects", whileConnecting, said.length + ofStage("connect").length);

  const inFlight = "ollama_proxy_requests_in_flight";
  const sending = await inWaves(
    (index) => enter("sending", `send #${index}`, 20),
    () => metricIs(inFlight, {}, inWave),
    inFlight,
  );
  report("while it sends", sending, ofStage("send").length);

  // Each leaves for itself, a moment after its first refusal: they do not come at the same time.
  const leftAt = new Map<string, number>();
  const backOffs = await inWaves(
    (index) => {
      const prompt = `back-off #${index}`;
      const client = enter("limited", prompt);
      refused.set(prompt, async () => {
        await sleep(5);
        client.socket.destroy();
        leftAt.set(prompt, performance.now());
      });
      return client;
    },
    (count) => until("all have left", () => leftAt.size === count, patience),
    inFlight,
  );
  await sleep(300);
  const again = [...leftAt].filter(([prompt, left]) => {
    return (arrivals.get(prompt) ?? []).some((time) => time > left + mayTake);
  });
  report("in back-off", backOffs, again.length);
  // Who stays is asked for again, so that there was a back-off to leave in.
  const patient = enter("limited", "patient #0");
  await until("it is asked again", () => (requests.get("patient #0") ?? []).length > 1, patience);
  patient.socket.destroy();

  await until("the last has left", () => patient.socket.closed, patience);
  await sleep(200);
  figure("T-20", "requests that the proxy still has", await proxy.metric(inFlight), { atMost: 0 });
  figure("T-20", "requests to a backend that it still has", await proxy.metric(running), {
    atMost: 0,
  });
  await Promise.all([upstream.close(), spare.close(), sleeper.close()]);
});

/** An answer that says nothing for as long as it is so. */
function holding(isSo: () => boolean): Script {
  return {
    steps: {
      *[Symbol.iterator]() {
        while (isSo()) yield { wait: 5 };
        yield* says("word0 ").steps;
      },
    },
  };
}
