import { setMaxListeners } from "node:events";
import OpenAI, { APIError } from "openai";
import { describe, test } from "vitest";
import { startConfiguredProxy } from "../soak/harness/configured-proxy.ts";
import { figure, size } from "../soak/harness/figures.ts";
import { Client } from "../soak/harness/load.ts";
import { startScriptedUpstream } from "../support/scripted-upstream.ts";
import { refuses } from "./plays.ts";

const perSecond = 200;
const seconds = size(30, 3);
const ids = ["a", "b", "c"];

/** Asks once, or as often as the client does by itself, and answers the last status. */
type Ask = (signal: AbortSignal) => Promise<{ status: number; retryAfter: string | undefined }>;

const clients: Record<string, (url: string) => Ask> = {
  "plain client": (url) => {
    const client = new Client(url);
    return async () => {
      const { status, headers } = await client.ask({ model: "m", words: 1 });
      return { status, retryAfter: headers["retry-after"]?.toString() };
    };
  },
  "OpenAI SDK": (url) => {
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "any" });
    const question = { model: "m", messages: [{ role: "user" as const, content: "hi" }] };
    return async (signal) => {
      try {
        await client.chat.completions.create(question, { signal });
        return { status: 200, retryAfter: undefined };
      } catch (error) {
        if (!(error instanceof APIError)) throw error;
        const { status, headers } = error as { status?: number; headers?: Headers };
        return { status: status ?? 0, retryAfter: headers?.get("retry-after") ?? undefined };
      }
    };
  },
};

describe("T-12 all backends are down, and no storm comes of it", () => {
  test.each(Object.entries(clients))("%s", async (name, connect) => {
    /** When each backend was asked. */
    const asked = ids.map((): number[] => []);
    const backends = await Promise.all(ids.map(() => startScriptedUpstream()));
    for (const [place, backend] of backends.entries()) {
      backend.play(() => {
        asked[place]?.push(performance.now());
        return refuses(503);
      });
    }
    const proxy = await startConfiguredProxy({
      upstreams: backends.map(({ baseUrl }, place) => ({
        id: ids[place] ?? "",
        base_url: baseUrl,
        models: ["m"],
        dialect: "generic",
      })),
      log: { level: "error", format: "json" },
    });
    const ask = connect(proxy.url);

    const answers: Promise<void>[] = [];
    const over = new AbortController();
    setMaxListeners(0, over.signal);
    let [wrong, answered, untimed] = [0, 0, 0];
    const askOnce = async () => {
      const { status, retryAfter } = await ask(over.signal);
      // The SDK waits before it asks again; what it still waits for at the end is given up.
      if (over.signal.aborted) return;
      answered += 1;
      if (status !== 503) wrong += 1;
      if (!(Number(retryAfter) >= 1)) untimed += 1;
    };
    const start = performance.now();
    const since = () => (performance.now() - start) / 1000;
    while (since() < seconds) {
      while (answers.length < since() * perSecond) answers.push(askOnce());
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const end = performance.now();
    over.abort();
    await Promise.all(answers);

    const afterFirstSecond = (times: readonly number[]) =>
      times.filter((time) => time > start + 1_000 && time <= end).length;
    const storm = asked.map(afterFirstSecond).reduce((sum, count) => sum + count);
    const clientRequests = answers.length * ((seconds - 1) / seconds);
    const print = (what: string, value: number, limit = {}) =>
      figure("T-12", `${what}, ${name}`, value, limit);
    print("client requests", answers.length);
    print("sent to backends in the first second", asked.flat().length - storm);
    print("amplification after it", storm / clientRequests, { atMost: 1.2 });
    // The first of them may be tried once a second, lest a whole outage outlast its cause.
    for (const [place, times] of asked.entries()) {
      const limit = place === 0 ? seconds + 3 : Math.ceil(seconds / 5) + 2;
      print(`sent to ${ids[place]} after it`, afterFirstSecond(times), { atMost: limit });
    }
    print("answers", answered);
    print("answers that are no 503", wrong, { atMost: 0 });
    // Only what a backend itself said, which is passed on, may tell no time.
    print("answers without Retry-After", untimed, { atMost: asked.flat().length });
    await Promise.all(backends.map((backend) => backend.close()));
  });
});
