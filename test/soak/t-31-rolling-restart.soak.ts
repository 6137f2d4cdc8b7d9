import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { Served } from "../lifecycle/process.ts";
import {
  findBalancer,
  freePort,
  noticeTime,
  startBalancer,
  type BalancerName,
} from "./harness/balancers.ts";
import { startBackend } from "./harness/backend.ts";
import { figure, isShort, size } from "./harness/figures.ts";
import { askContinuously, Client, Tally } from "./harness/load.ts";
import { startProxyProcess } from "./harness/proxy.ts";

interface Run {
  readonly balancer: BalancerName;
  readonly replicas: number;
  readonly retries: boolean;
}

const every: Run[] = (["haproxy", "nginx"] as const).flatMap((balancer) =>
  [2, 3].flatMap((replicas) => [true, false].map((retries) => ({ balancer, replicas, retries }))),
);
const runs = isShort ? every.filter(({ replicas, retries }) => replicas === 2 && !retries) : every;

const model = "m";
const words = 10;
const clients = 100;
const restarts = size(10, 2);

/** Replicas behind a balancer, and clients that ask without a pause. */
async function begin({ balancer: name, replicas, retries }: Run, program: string) {
  const backend = await startBackend({ [model]: { words, every: 60 } });
  const config = {
    upstreams: [{ id: "a", base_url: backend.baseUrl, limits: { concurrent: 2 * clients } }],
    shutdown: { drain_delay: `${noticeTime}ms`, drain_timeout: "30s" },
  };
  const ports = await Promise.all(Array.from({ length: replicas }, freePort));
  const startReplica = (place: number) => startProxyProcess(config, { port: ports[place] ?? 0 });
  const running: Served[] = await Promise.all(ports.map((_, place) => startReplica(place)));
  const balancer = await startBalancer(name, program, { replicas: ports, retries });
  // nginx closes kept connections when it is told of a change, whether or not one is being used.
  const client = new Client(balancer.url, { keepAlive: name === "haproxy" });
  onTestFinished(() => client.close());
  const tally = new Tally();
  let stopped = false;
  const asked = askContinuously(
    client,
    { model, words },
    { clients, tally, stopped: () => stopped },
  );
  await sleep(1_000);
  return {
    tally,
    balancer,
    stop: async (place: number, signal: "SIGTERM" | "SIGKILL") => {
      running[place]?.child.kill(signal);
      return running[place]?.exit;
    },
    start: async (place: number) => {
      running[place] = await startReplica(place);
    },
    end: async () => {
      stopped = true;
      await asked;
    },
  };
}

let total = 0;

test.for(runs)(
  "T-31, F-114: rolling restarts of $replicas replicas behind $balancer, its retries on: $retries",
  async (run, { skip }) => {
    const program = findBalancer(run.balancer) ?? skip(`no ${run.balancer} here`);
    const { tally, balancer, stop, start, end } = await begin(run, program);
    for (let restart = 0; restart < restarts; restart += 1) {
      const place = restart % run.replicas;
      await balancer.takeOut(place);
      expect(await stop(place, "SIGTERM")).toBe(0);
      await start(place);
      await balancer.takeIn(place);
      await sleep(500);
    }
    await end();
    total += tally.total;
    const what = `${run.balancer}, ${run.replicas} replicas, retries ${run.retries ? "on" : "off"}`;
    figure("T-31", `failed: ${what}`, tally.failed, { atMost: 0 });
    figure("T-31", `of requests: ${what}`, tally.total);
    expect(tally.examples).toEqual([]);
  },
);

// What no replica can make up for. The figures tell what the other way is worth.
const unannounced = [
  ["SIGKILL", "haproxy"],
  ["SIGTERM", "nginx"],
] as const;

test.for(isShort ? [] : unannounced)(
  "T-31, F-115: %s that %s is not told of",
  async ([signal, name], { skip }) => {
    const program = findBalancer(name) ?? skip(`no ${name} here`);
    const run: Run = { balancer: name, replicas: 3, retries: true };
    const { tally, balancer, stop, start, end } = await begin(run, program);
    for (let restart = 0; restart < restarts; restart += 1) {
      const place = restart % run.replicas;
      await stop(place, signal);
      await start(place);
      if (name === "haproxy") await balancer.takeIn(place);
      await sleep(500);
    }
    await end();
    figure("T-31", `failed: ${name}, ${signal} without notice`, tally.failed);
    figure("T-31", `of requests: ${name}, ${signal} without notice`, tally.total, { atLeast: 1 });
  },
);

test("T-31: requests in all", ({ skip }) => {
  if (total === 0) skip("no balancer here");
  figure("T-31", "requests in all", total, { atLeast: size(10_000, 500) });
});
