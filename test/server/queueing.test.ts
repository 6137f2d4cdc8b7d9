import { describe, expect, test } from "vitest";
import { readEnvironment } from "../../src/config/environment.ts";
import type { ConfigFile } from "../../src/config/schema.ts";
import { sendRaw, type RawClient } from "../faults/raw-client.ts";
import { until } from "../faults/waiting.ts";
import {
  backend,
  chat,
  described,
  proxyOf,
  refuses,
  says,
  serving,
  type Said,
} from "./backends.ts";
import { call } from "./call.ts";
import { Held } from "./held-backend.ts";

interface Front {
  readonly ask: (content: string) => Promise<Said>;
  /** A client that can leave. */
  readonly begin: (content: string) => RawClient;
  /** Until so many wait for the backends, all together. */
  readonly queued: (count: number) => Promise<void>;
}

async function frontOf(config: ConfigFile): Promise<Front> {
  const proxy = await proxyOf({ admin: { listen: "127.0.0.1:0" }, ...config });
  const adminPort = proxy.logs.find(({ msg }) => msg === "serving metrics and state")?.["port"];
  const countQueued = async () => {
    const { body } = await call({ port: Number(adminPort), path: "/state" });
    const { upstreams } = JSON.parse(body) as { upstreams: { queued: number }[] };
    return upstreams.reduce((sum, { queued }) => sum + queued, 0);
  };
  const asking = (content: string) => [{ role: "user", content }];
  return {
    ask: (content) => chat(proxy, { messages: asking(content) }),
    begin: (content) => {
      const body = { model: "m", messages: asking(content) };
      return sendRaw({ port: proxy.port, path: "/api/chat", body });
    },
    queued: async (count) => {
      await expect.poll(countQueued, { interval: 5, timeout: 2_000 }).toBe(count);
    },
  };
}

/** One backend that answers one request at a time. */
async function one(limits: object, config: ConfigFile = {}) {
  const a = await Held.backend();
  const front = await frontOf({
    upstreams: [described("a", a.upstream)],
    limits: { concurrent: 1, ...limits },
    ...config,
  });
  return { a, ...front };
}

const busy = {
  status: 503,
  text: "server busy, please try again.  maximum pending requests exceeded",
  by: undefined,
  tries: 0,
  retryAfter: "1",
};

const isAsked = (held: Held, ...asked: string[]) =>
  until(`${asked.join()} asked`, () => String(held.asked) === String(asked));

describe("a backend that has as much to do as it may have", () => {
  test("is asked for more one by one, in the order it came", async () => {
    const { a, ask, queued } = await one({ queue: 3 });
    const contents = ["1", "2", "3", "4"];
    const answers: Promise<Said>[] = [];
    for (const [before, content] of contents.entries()) {
      answers.push(ask(content));
      await isAsked(a, "1");
      await queued(before);
    }
    for (const last of [1, 2, 3, 4]) {
      await isAsked(a, ...contents.slice(0, last));
      a.answer();
    }
    for (const answer of await Promise.all(answers)) {
      expect(answer).toMatchObject({ status: 200, text: "well", by: "a", tries: 1 });
    }
  });

  test("has room for so many, and the next one is told at once", async () => {
    const { a, ask, queued } = await one({ queue: 1 });
    const first = ask("1");
    await isAsked(a, "1");
    const second = ask("2");
    await queued(1);
    expect(await ask("3")).toEqual(busy);
    a.answer();
    a.answer();
    for (const answer of [first, second]) expect(await answer).toMatchObject({ status: 200 });
    expect(a.asked).toEqual(["1", "2"]);
  });

  test("is waited for no longer than `queue_timeout`", async () => {
    const { a, ask } = await one({ queue_timeout: "50ms" });
    const first = ask("1");
    await isAsked(a, "1");
    expect(await ask("2")).toEqual(busy);
    a.answer();
    expect(await first).toMatchObject({ status: 200 });
    expect(a.asked).toEqual(["1"]);
  });

  test("is not asked by a client that left while it waited", async () => {
    const { a, ask, begin, queued } = await one({ queue: 2 });
    const first = ask("1");
    await isAsked(a, "1");
    const leaving = begin("2");
    await queued(1);
    const staying = ask("3");
    await queued(2);
    leaving.socket.destroy();
    await queued(1);
    a.answer();
    await isAsked(a, "1", "3");
    a.answer();
    for (const answer of await Promise.all([first, staying])) expect(answer.status).toBe(200);
  });

  test("has what it may have of its own settings, if it has any", async () => {
    const a = await Held.backend();
    const b = await Held.backend();
    const { ask } = await frontOf({
      limits: { concurrent: 1, queue: 0 },
      upstreams: [
        described("a", a.upstream, { limits: { concurrent: 2 } }),
        described("b", b.upstream),
      ],
    });
    const answers = ["1", "2", "3"].map((content) => ask(content));
    await until("all are asked", () => a.asked.length === 2 && b.asked.length === 1);
    expect(await ask("4")).toEqual(busy);
    for (const held of [a, a, b]) held.answer();
    expect((await Promise.all(answers)).map(({ by }) => String(by)).toSorted()).toEqual([
      "a",
      "a",
      "b",
    ]);
  });

  test("and then asks for a pause is not asked by those that waited", async () => {
    const { a, ask, queued } = await one({}, { failover: { max_rest: 300 } });
    const first = ask("1");
    await isAsked(a, "1");
    const second = ask("2");
    await queued(1);
    a.answer(refuses(429, "slow down", { "retry-after": "20" }));
    expect(await first).toMatchObject({ status: 429, text: "slow down" });
    expect(await second).toMatchObject({ status: 429, text: "slow down" });
    expect(a.asked).toHaveLength(1);
  });
});

describe("`OLLAMA_NUM_PARALLEL` and `OLLAMA_MAX_QUEUE`", () => {
  test("are these limits", async () => {
    const { values } = readEnvironment({ OLLAMA_NUM_PARALLEL: "2", OLLAMA_MAX_QUEUE: "0" });
    const a = await Held.backend();
    const { ask } = await frontOf({ ...values, upstreams: [described("a", a.upstream)] });
    const answers = [ask("1"), ask("2")];
    await until("both are asked", () => a.asked.length === 2);
    expect(await ask("3")).toEqual(busy);
    a.answer();
    a.answer();
    for (const answer of await Promise.all(answers)) expect(answer.status).toBe(200);
  });

  test("of 0 and none leave them as they are", () => {
    expect(readEnvironment({ OLLAMA_NUM_PARALLEL: "0", OLLAMA_MAX_QUEUE: "" }).values).toEqual({});
  });
});

describe("of several backends that have enough to do", () => {
  async function two(config: ConfigFile = {}) {
    const a = await Held.backend();
    const b = await Held.backend();
    const upstreams = [described("a", a.upstream), described("b", b.upstream)];
    const front = await frontOf({ upstreams, limits: { concurrent: 1 }, ...config });
    return { a, b, ...front };
  }

  test("the one that is free first is asked, and the other one is not", async () => {
    const { a, b, ask, queued } = await two();
    const first = ask("1");
    await isAsked(a, "1");
    const second = ask("2");
    await isAsked(b, "2");
    const third = ask("3");
    await queued(2);
    b.answer();
    await isAsked(b, "2", "3");
    await queued(0);
    b.answer();
    a.answer();
    const answers = await Promise.all([first, second, third]);
    expect(answers.map(({ by }) => by)).toEqual(["a", "b", "b"]);
    expect(a.asked).toEqual(["1"]);
  });

  test("one that failed is not waited for again", async () => {
    const { a, b, ask, queued } = await two();
    const first = ask("1");
    await isAsked(a, "1");
    const second = ask("2");
    await isAsked(b, "2");
    a.answer(refuses(502, "down"));
    await queued(1);
    b.answer();
    b.answer();
    expect(await first).toMatchObject({ status: 200, by: "b", tries: 2 });
    expect(await second).toMatchObject({ status: 200, by: "b", tries: 1 });
    expect(a.asked).toEqual(["1"]);
  });

  test("where there is no room at all, what went wrong before is told", async () => {
    const { a, b, ask } = await two({ limits: { concurrent: 1, queue: 0 } });
    const first = ask("1");
    await isAsked(a, "1");
    const second = ask("2");
    await isAsked(b, "2");
    a.answer(refuses(502, "down"));
    expect(await first).toMatchObject({ status: 502, text: "down", by: "a", tries: 1 });
    b.answer();
    expect(await second).toMatchObject({ status: 200 });
  });

  test("one of less priority is asked once there is no room to wait for the better one", async () => {
    const a = await Held.backend();
    const b = await backend(says("b"));
    const { ask, queued } = await frontOf({
      upstreams: [
        described("a", a.upstream, { limits: { concurrent: 1, queue: 1 } }),
        described("b", b, { priority: 1 }),
      ],
    });
    const first = ask("1");
    await isAsked(a, "1");
    const second = ask("2");
    await queued(1);
    expect(await ask("3")).toMatchObject({ by: "b", tries: 1 });
    a.answer();
    a.answer();
    for (const answer of [first, second]) expect(await answer).toMatchObject({ by: "a" });
  });

  test("a model's fallback is asked where there is no room at all", async () => {
    const a = await Held.backend();
    const c = await backend(says("c"), serving("c"));
    const { ask, queued } = await frontOf({
      upstreams: [
        described("a", a.upstream, { limits: { concurrent: 1, queue: 1 } }),
        described("c", c),
      ],
      routes: { m: { fallback: ["c"] } },
    });
    const first = ask("1");
    await isAsked(a, "1");
    const second = ask("2");
    await queued(1);
    expect(await ask("3")).toMatchObject({ status: 200, by: "c", tries: 1 });
    a.answer();
    a.answer();
    for (const answer of [first, second]) expect(await answer).toMatchObject({ by: "a" });
  });
});
