import { closeSync, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { RecordedRequest, Script, Step } from "../../support/scripted-upstream.ts";
import { until } from "../waiting.ts";
import { A_MOMENT, events, FIVE, raw, WELL } from "./backend-scripts.ts";
import { FROM_B, scripted } from "./backends.ts";
import { Client } from "./client.ts";
import { connecting } from "./connecting.ts";
import { invalid, refused, whole } from "./fault.ts";
import { fronts } from "./fronts.ts";
import { stateOf } from "./oracle.ts";
import { playAll, withStage } from "./play.ts";

playAll("5A: connecting", connecting);

const { chat } = fronts;
const busy = refused(503, "server busy, please try again.  maximum pending requests exceeded", "1");

/** A response of known length: the connection stays open after it. */
function response(body: string): string {
  const head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream";
  return `${head}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

describe("F-07: the backend closes a kept connection as it is used again", () => {
  test.each<Step>([{ end: true }, { reset: true }])(
    "F-07 it is replaced, once, and nothing is counted: %o",
    async (closing) => {
      const scripts: Script[] = [events(WELL), raw(closing), events(WELL)];
      await withStage({ a: scripted(() => scripts.shift() ?? raw()) }, async (stage) => {
        for (let asked = 0; asked < 2; asked += 1) {
          const answer = await stage.client.ask(chat.path, chat.body);
          chat.check(answer, whole("well"));
          expect(answer.headers.get("x-proxy-attempts")).toBe("1");
        }
        expect(stage.a.requests).toHaveLength(3);
        expect((await stateOf("a", stage.adminPort)).circuit.state).toBe("closed");
      });
    },
  );

  test.each<[form: string, begun: string]>([
    ["the head", "HTTP/1.1 200 OK\r\ncontent-ty"],
    ["103", "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"],
    ["100", "HTTP/1.1 100 Continue\r\n\r\n"],
  ])("F-07 it is not replaced where an answer had begun: %s", async (_, begun) => {
    const scripts: Script[] = [events(WELL), raw(begun, A_MOMENT, { end: true }), events(WELL)];
    await withStage({ a: scripted(() => scripts.shift() ?? raw()) }, async (stage) => {
      chat.check(await stage.client.ask(chat.path, chat.body), whole("well"));
      chat.check(await stage.client.ask(chat.path, chat.body), invalid);
      expect(stage.a.requests).toHaveLength(2);
    });
  });

  test("F-07 1,000 times, about when the backend tires of waiting", async () => {
    let turn = 0;
    const a = scripted(() => {
      turn += 1;
      return raw(response(WELL), { wait: 2 }, turn % 2 === 0 ? { end: true } : { reset: true });
    });
    await withStage({ a }, async (stage) => {
      for (let asked = 0; asked < 1_000; asked += 1) {
        const answer = await stage.client.ask(chat.path, chat.body);
        chat.check(answer, whole("well"));
        expect(answer.headers.get("x-proxy-attempts")).toBe("1");
        await sleep(asked % 4);
      }
      expect((await stateOf("a", stage.adminPort)).circuit.state).toBe("closed");
    });
  }, 60_000);
});

describe("F-14: two responses to one request", () => {
  /** Says what it was asked, and then something that nobody asked. */
  function twice(between: readonly Step[]): (request: RecordedRequest) => Script {
    return ({ body }) => {
      const { messages } = JSON.parse(body) as { messages: [{ content: string }] };
      const [first, second] = [messages[0].content, "swapped"].map((text) =>
        response(WELL.replace("well", text)),
      );
      const steps =
        between.length === 0 ? [`${first}${second}`] : [`${first}`, ...between, `${second}`];
      return raw(...steps, { hang: true });
    };
  }

  async function askOfItself(client: Client, nonce: string): Promise<void> {
    const messages = [{ role: "user", content: nonce }];
    chat.check(await client.ask(chat.path, { model: "m", messages }), whole(nonce));
  }

  test("F-14 together: of 1,000 answers none is another's, and the connections are closed", async () => {
    await withStage({ a: scripted(twice([])) }, async ({ proxy, a }) => {
      const clients = Array.from({ length: 4 }, () => new Client(proxy.port));
      await Promise.all(
        clients.map(async (client, place) => {
          for (let asked = 0; asked < 250; asked += 1) {
            await askOfItself(client, `nonce ${place} ${asked}`);
          }
          client.close();
        }),
      );
      await until("the connections are closed", () => a.connections() === 0);
    });
  }, 60_000);

  test("F-14 one while nothing is asked: the connection is closed", async () => {
    await withStage({ a: scripted(twice([{ wait: 3 }])) }, async ({ client, a }) => {
      for (let asked = 0; asked < 20; asked += 1) {
        await askOfItself(client, `nonce ${asked}`);
        await until("the connection is closed", () => a.connections() === 0);
      }
      expect(a.requests).toHaveLength(20);
    });
  });
});

describe("F-15: all that the backend may be asked is under way", () => {
  const limits = { concurrent: 1, queue: 0 };

  test.each([
    ["1U", false],
    ["2U", true],
  ])("F-15 a second request · %s", async (_, hasOther) => {
    const a = scripted(() => events(FIVE, { hang: true }));
    await withStage({ a, hasOther, upstream: { limits } }, async (stage) => {
      const first = new Client(stage.proxy.port);
      const unending = first.ask(chat.path, chat.body).catch(() => "left");
      await until("the first is under way", () => stage.a.requests.length === 1);
      const answer = await stage.client.ask(chat.path, chat.body);
      chat.check(answer, hasOther ? whole(FROM_B) : busy);
      expect(answer.headers.get("x-proxy-upstream")).toBe(hasOther ? "b" : null);
      first.close();
      expect(await unending).toBe("left");
      expect(stage.a.requests).toHaveLength(1);
      expect((await stateOf("a", stage.adminPort)).circuit.state).toBe("closed");
    });
  });
});

describe("F-16: this process has no file descriptor left to connect with", () => {
  /** Takes all that there are. @returns gives them back */
  function hoard(): () => void {
    const taken: number[] = [];
    try {
      for (;;) taken.push(openSync("/dev/null", "r"));
    } catch {
      return () => taken.forEach(closeSync);
    }
  }

  test.each([
    ["1U", false],
    ["2U", true],
  ])("F-16 it is busy, and the backend is not to blame · %s", async (_, hasOther) => {
    await withStage({ a: scripted(() => events(WELL)), hasOther }, async (stage) => {
      expect((await stage.client.ask("/api/version")).status).toBe(200);
      const giveBack = hoard();
      const answer = await stage.client.ask(chat.path, chat.body).finally(giveBack);
      chat.check(answer, busy);
      expect((await stateOf("a", stage.adminPort)).circuit.state).toBe("closed");
      chat.check(await stage.client.ask(chat.path, chat.body), whole("well"));
      expect(stage.a.requests).toHaveLength(1);
    });
  });
});
