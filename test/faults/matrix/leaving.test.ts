import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { chunk, json, sse, type Script, type Step } from "../../support/scripted-upstream.ts";
import { sendRaw, type RawClient } from "../raw-client.ts";
import { startSleepingServer } from "../sleeping-server.ts";
import { until } from "../waiting.ts";
import { CANARY, events, message, raw, repeatable, WELL } from "./backend-scripts.ts";
import { scripted, type Backend } from "./backends.ts";
import { Client } from "./client.ts";
import { whole } from "./fault.ts";
import { fronts, type FrontName } from "./fronts.ts";
import { stateOf } from "./oracle.ts";
import { withStage } from "./play.ts";
import type { Stage, StageOptions } from "./stage.ts";
import { asleep } from "./strange-backends.ts";

const { chat } = fronts;
const delays: number[] = [];

afterAll(() => {
  const [worst = 0] = delays.toSorted((a, b) => b - a);
  console.log(`5D: a client's leaving was noticed within ${worst.toFixed(1)} ms (planned: 100 ms)`);
});

const WORD = sse(chunk({ content: "word " }));
const hang = { hang: true } as const;

function endless(text: string, pause: number): Iterable<Step> {
  return repeatable(function* () {
    for (;;) {
      yield text;
      if (pause > 0) yield { wait: pause };
    }
  });
}

/** Where the backend stands when the client leaves. */
const stages: Readonly<Record<string, Script>> = {
  "F-81 before the headers": raw(hang),
  "F-81 in the middle of the headers": raw("HTTP/1.1 200 OK\r\ncontent-", hang),
  "F-81 before the first event": events(hang),
  "F-81 after a role": events(sse(chunk({ role: "assistant", content: "" })), hang),
  "F-81 in the middle of an error": { status: 500, steps: ["no", hang] },
  "F-82 after the first text": events(WORD, hang),
  "F-82 after 50 texts": events(WORD.repeat(50), hang),
  "F-82 in the stream": { steps: endless(WORD, 5) },
  "F-82 after the finish": events(WORD, sse(chunk({}, "stop")), hang),
};

const routes: readonly FrontName[] = [
  "chat",
  "generate",
  "whole",
  "embed",
  "openai",
  "openai whole",
];

/** A good backend beside it is never asked, however bold the proxy is. */
function leaving(
  a: Promise<Backend>,
  act: (stage: Stage) => Promise<void>,
  more: Partial<StageOptions> = {},
): Promise<void> {
  // The usage of a finished stream is waited for until the client has left.
  const config = { failover: { ambiguous: true }, timeouts: { after_finish: 10 }, ...more.config };
  return withStage({ ...more, a, hasOther: true, config }, async (stage) => {
    await act(stage);
    expect(stage.b?.requests).toEqual([]);
    expect((await stateOf("a", stage.adminPort)).circuit.state).toBe("closed");
  });
}

async function begin({ proxy, a }: Stage, name: FrontName): Promise<RawClient> {
  const client = sendRaw({ port: proxy.port, ...fronts[name] });
  await until("the backend is asked", () => a.requests.length > 0, 10_000);
  await sleep(30);
  return client;
}

/** Closes the client's socket in this way and waits until the backend sees it. */
async function leave({ a, proxy }: Stage, client: RawClient, close: (socket: Socket) => void) {
  const request = a.requests.at(-1);
  const left = performance.now();
  close(client.socket);
  await until("the backend sees the client leave", () => request?.closedAt !== undefined);
  delays.push((request?.closedAt ?? Infinity) - left);
  expect(a.requests).toHaveLength(1);
  await until("it is logged", () => proxy.logs.some(isOfLeaving));
}

function isOfLeaving({ status, outcome }: Record<string, unknown>): boolean {
  return status === 499 && outcome === "client_closed";
}

const destroy = (socket: Socket) => socket.destroy();

describe.each(Object.entries(stages))("%s", (title, script) => {
  test.each(routes)(`${title} · %s`, (name) =>
    leaving(scripted(script), async (stage) => {
      await leave(stage, await begin(stage, name), destroy);
    }),
  );
});

test.each<[string, (socket: Socket) => void]>([
  ["F-82 by a reset", (socket) => socket.resetAndDestroy()],
  ["F-84 by closing its half, still reading", (socket) => socket.end()],
])("%s", (_, close) =>
  leaving(scripted({ steps: endless(WORD, 5) }), async (stage) => {
    const client = await begin(stage, "chat");
    await leave(stage, client, close);
    client.socket.destroy();
  }),
);

test.each<FrontName>(["chat", "openai"])("F-82 in a paused write · %s", (name) => {
  let sent = 0;
  const text = sse(chunk({ content: "x".repeat(16_384) }));
  const steps = repeatable(function* () {
    for (;;) {
      sent += 1;
      yield text;
    }
  });
  return leaving(scripted({ steps }), async (stage) => {
    const client = await begin(stage, name);
    client.socket.pause();
    for (let before = -1; before < sent;) {
      before = sent;
      await sleep(100);
    }
    await leave(stage, client, destroy);
  });
});

test("F-80 in the queue: the place is free again, and the backend never hears of it", async () => {
  const a = scripted(() => events(WORD, hang));
  const upstream = { limits: { concurrent: 1, queue: 1 } };
  await withStage({ a, upstream }, async (stage) => {
    const queued = async () => (await stateOf("a", stage.adminPort)).queued;
    const first = await begin(stage, "chat");
    for (let round = 0; round < 3; round += 1) {
      const second = sendRaw({ port: stage.proxy.port, ...chat });
      while ((await queued()) === 0) await sleep(2);
      const left = performance.now();
      second.socket.destroy();
      await until("it is logged", () => stage.proxy.logs.filter(isOfLeaving).length > round);
      delays.push(performance.now() - left);
      expect(await queued()).toBe(0);
    }
    expect(stage.a.requests).toHaveLength(1);
    const third = sendRaw({ port: stage.proxy.port, ...chat });
    while ((await queued()) === 0) await sleep(2);
    first.socket.destroy();
    await until("who waits is served", () => stage.a.requests.length === 2);
    third.socket.destroy();
  });
});

test("F-81 while connecting: nothing is sent later", async () => {
  const server = await startSleepingServer();
  await withStage({ a: asleep(server) }, async ({ proxy }) => {
    const client = sendRaw({ port: proxy.port, ...chat });
    await sleep(100);
    expect(proxy.logs.filter(({ status }) => status !== undefined)).toEqual([]);
    client.socket.destroy();
    await until("the proxy knows", () => proxy.logs.some(isOfLeaving));
    expect(await server.wake(1_500)).toEqual([]);
  });
});

test("F-81 while models are looked up: nothing is generated", async () => {
  const list = json(200, { data: [{ id: "m" }] });
  const a = scripted(events(WORD, hang), { ...list, steps: [{ wait: 200 }, ...list.steps] });
  await withStage({ a, lists: true }, async (stage) => {
    const client = sendRaw({ port: stage.proxy.port, ...chat });
    await until("models are looked up", () => stage.a.lookups.length > 0);
    client.socket.destroy();
    await sleep(400);
    expect(stage.a.requests).toEqual([]);
  });
});

test("F-83 in the pause before a second try: there is none", async () => {
  const api_key = [`${CANARY}-a1`, `${CANARY}-a2`];
  const leftInPause: number[] = [];
  for (let round = 0; round < 20 && leftInPause.length < 3; round += 1) {
    await withStage(
      { a: scripted(message(429, "slow down")), upstream: { api_key } },
      async (stage) => {
        const { proxy, a } = stage;
        const client = sendRaw({ port: proxy.port, ...chat });
        await until("the first try has failed", () => a.requests.length > 0 && a.isIdle(), 10_000);
        client.socket.destroy();
        await until("it is logged", () => proxy.logs.some(isOfLeaving));
        const asked = a.requests.length;
        await sleep(300);
        expect(a.requests).toHaveLength(asked);
        if (asked === 1) leftInPause.push(round);
      },
    );
  }
  expect(leftInPause).toHaveLength(3);
});

test("F-85 while it sends its request: nothing reaches the backend", async () => {
  await leaving(scripted(events(WELL)), async ({ proxy, a }) => {
    const client = sendRaw({ port: proxy.port, ...chat, upTo: 20 });
    await sleep(50);
    client.socket.destroy();
    await sleep(50);
    expect(a.requests).toEqual([]);
  });
});

test("F-86 by a reset between two requests: nobody is alarmed", async () => {
  await leaving(scripted(events(WELL)), async ({ proxy }) => {
    const client = sendRaw({ port: proxy.port, ...chat });
    await until("the answer is there", () => client.received().endsWith("0\r\n\r\n"));
    await until("it is logged", () => proxy.logs.some(({ status }) => status === 200));
    const logged = proxy.logs.length;
    client.socket.resetAndDestroy();
    await sleep(100);
    expect(proxy.logs.slice(logged).filter(({ level }) => level !== "debug")).toEqual([]);
  });
});

describe("F-96: two requests at once on one connection", () => {
  const request = (body: object) => {
    const text = JSON.stringify(body);
    return `POST ${chat.path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${text.length}\r\n\r\n${text}`;
  };

  test("F-96 are answered in their order", async () => {
    const texts = ["first", "second"];
    const a = scripted(() => {
      const text = WELL.replace("well", texts.shift() ?? "third");
      return { steps: [{ wait: texts.length * 30 }, text] };
    });
    await withStage({ a }, async ({ proxy }) => {
      const socket = connect(proxy.port, "127.0.0.1");
      let received = "";
      socket.on("data", (bytes: Buffer) => (received += bytes.toString()));
      socket.write(request(chat.body) + request({ ...chat.body, stream: false }));
      await until("both are answered", () => received.endsWith("}"), 5_000);
      const positions = ["application/x-ndjson", "first", "application/json", "second"].map(
        (text) => received.indexOf(text),
      );
      expect(positions).not.toContain(-1);
      expect(positions).toEqual(positions.toSorted((one, other) => one - other));
      socket.destroy();
    });
  });

  test("F-96 and both end when it is closed", async () => {
    await withStage({ a: scripted({ steps: endless(WORD, 5) }) }, async ({ proxy, a }) => {
      const socket = connect(proxy.port, "127.0.0.1");
      socket.on("error", () => {});
      socket.resume();
      socket.write(request(chat.body) + request(chat.body));
      await until("the backend is asked", () => a.requests.length > 0);
      await sleep(50);
      socket.destroy();
      await until("all are over", () => a.isIdle());
      const asked = a.requests.length;
      await sleep(100);
      expect(a.requests).toHaveLength(asked);
    });
  });
});

test("F-102 1,000 connections at once, each with its request, and one more client", async () => {
  await withStage({ a: scripted(events(WELL)) }, async ({ proxy }) => {
    const clients = Array.from({ length: 1_000 }, () => new Client(proxy.port));
    const asking = Promise.all(clients.map((client) => client.ask(chat.path, chat.body)));
    const other = new Client(proxy.port);
    expect((await other.ask("/api/version")).status).toBe(200);
    for (const answer of await asking) chat.check(answer, whole("well"));
    for (const client of [...clients, other]) client.close();
  });
}, 60_000);
