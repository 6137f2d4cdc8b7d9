import { monitorEventLoopDelay } from "node:perf_hooks";
import { describe, expect, test } from "vitest";
import { until } from "../waiting.ts";
import { dripping, END, events, FIVE, repeatable, WELL } from "./backend-scripts.ts";
import { scripted } from "./backends.ts";
import { Client } from "./client.ts";
import { documents } from "./documents.ts";
import { cut, whole } from "./fault.ts";
import { fronts } from "./fronts.ts";
import { stateOf } from "./oracle.ts";
import { playAll, withStage } from "./play.ts";
import { streaming } from "./streaming.ts";

playAll("5C: after the first text", streaming, documents);

const { chat } = fronts;

describe("F-78: a backend that sends a byte at a time, slowly", () => {
  test("F-78 its answer is whole, and 50 others are there before it", async () => {
    let asked = 0;
    const a = scripted(() => {
      asked += 1;
      return asked === 1 ? { steps: [FIVE, ...dripping(END, 10)] } : events(WELL);
    });
    await withStage({ a }, async (stage) => {
      let isOver = false;
      const slow = stage.client.ask(chat.path, chat.body).finally(() => (isOver = true));
      await until("the slow one is under way", () => asked === 1);
      const others = await Promise.all(Array.from({ length: 50 }, () => askOnce(stage.proxy.port)));
      expect(isOver).toBe(false);
      for (const answer of others) chat.check(answer, whole("well"));
      chat.check(await slow, whole("12345"));
    });
  });
});

describe("F-79: 200 streams that break at the same instant", () => {
  test("F-79 each is told, and the backend's health changes once", async () => {
    const streams = 200;
    const moment = new AbortController();
    const steps = repeatable(function* () {
      yield FIVE;
      while (!moment.signal.aborted) yield { wait: 2 };
      yield { destroy: true };
    });
    const a = scripted({ steps });
    const limits = { concurrent: streams };
    await withStage({ a, hasOther: true, upstream: { limits } }, async (stage) => {
      const answers = Array.from({ length: streams }, () => askOnce(stage.proxy.port));
      await until("all are under way", () => stage.a.requests.length === streams, 40_000);
      const delay = monitorEventLoopDelay({ resolution: 1 });
      delay.enable();
      moment.abort();
      for (const answer of await Promise.all(answers)) chat.check(answer, cut("unexpected EOF"));
      delay.disable();
      const worst = delay.percentile(99) / 1e6;
      console.log(`F-79: event loop delay p99 ${worst.toFixed(0)} ms (planned: 50 ms)`);
      expect(worst).toBeLessThan(2_000);
      expect(stage.b?.requests).toEqual([]);
      expect((await stateOf("a", stage.adminPort)).circuit.state).toBe("open");
      expect(stage.proxy.logs.filter(({ circuit }) => circuit !== undefined)).toHaveLength(1);
    });
  }, 60_000);
});

async function askOnce(port: number) {
  const client = new Client(port);
  return client.ask(chat.path, chat.body).finally(() => client.close());
}
