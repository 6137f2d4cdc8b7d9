import { describe, expect, test } from "vitest";
import type { ConfigFile } from "../../src/config/schema.ts";
import type { ScriptedUpstream } from "../support/scripted-upstream.ts";
import type { StartedProxy } from "../support/start-proxy.ts";
import { until } from "../faults/waiting.ts";
import { sendRaw } from "../faults/raw-client.ts";
import {
  backend,
  chat,
  described,
  messages,
  overloaded,
  proxyOf,
  refuses,
  says,
  sent,
  serving,
  unending,
} from "./backends.ts";
import { call } from "./call.ts";

type UpstreamFile = NonNullable<ConfigFile["upstreams"]>[number];

interface Several {
  readonly proxy: StartedProxy;
  readonly a: ScriptedUpstream;
  readonly b: ScriptedUpstream;
  readonly c: ScriptedUpstream;
}

/** Three backends that serve `m`, and each one more; each says its own name. */
async function several(
  config: ConfigFile = {},
  own: Readonly<Record<string, Partial<UpstreamFile>>> = {},
): Promise<Several> {
  const a = await backend(says("a"), serving("m", "only-a"));
  const b = await backend(says("b"), serving("m", "only-b"));
  const c = await backend(says("c"), serving("m", "only-c"));
  const upstreams = Object.entries({ a, b, c }).map(([id, each]) => described(id, each, own[id]));
  return { proxy: await proxyOf({ upstreams, ...config }), a, b, c };
}

/** Who answers so many questions, counted; some at a time. */
async function shares(proxy: StartedProxy, count: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let asked = 0; asked < count; asked += 20) {
    const answers = await Promise.all(
      Array.from({ length: Math.min(20, count - asked) }, () => chat(proxy)),
    );
    for (const { by = "nobody" } of answers) counts[by] = (counts[by] ?? 0) + 1;
  }
  return counts;
}

const get = async (proxy: StartedProxy, path: string) =>
  JSON.parse((await call({ port: proxy.port, path })).body) as unknown;

async function names(proxy: StartedProxy): Promise<string[]> {
  const { models } = (await get(proxy, "/api/tags")) as { models: { name: string }[] };
  return models.map(({ name }) => name);
}

describe("backends that list the same model", () => {
  test("serve one model: the first one asked, the next one when it fails", async () => {
    const { proxy, a, b } = await several();
    expect(await names(proxy)).toEqual([
      "m:latest",
      "only-a:latest",
      "only-b:latest",
      "only-c:latest",
    ]);
    expect(await chat(proxy)).toMatchObject({ text: "a", by: "a", tries: 1 });
    a.play(overloaded);
    expect(await chat(proxy)).toMatchObject({ status: 200, text: "b", by: "b", tries: 2 });
    b.play(overloaded);
    expect(await chat(proxy)).toMatchObject({ status: 200, text: "c", by: "c", tries: 3 });
  });

  test("are tried once each, and the last one's words are told", async () => {
    const { proxy, a, b, c } = await several();
    for (const each of [a, b]) each.play(overloaded);
    c.play(refuses(502, "the last words"));
    expect(await chat(proxy)).toEqual({
      status: 502,
      text: "the last words",
      by: "c",
      tries: 3,
      retryAfter: undefined,
    });
    expect([a, b, c].map(({ requests }) => requests.length)).toEqual([1, 1, 1]);
  });

  test("are tried no more often than `attempts` says", async () => {
    const { proxy, a, b, c } = await several({ failover: { attempts: 2 } });
    for (const each of [a, b, c]) each.play(overloaded);
    expect(await chat(proxy)).toMatchObject({ status: 502, by: "b", tries: 2 });
    expect(c.requests).toEqual([]);
  });

  test("are tried by their priority", async () => {
    const { proxy, c, b } = await several({}, { a: { priority: 2 }, b: { priority: 1 } });
    expect(await chat(proxy)).toMatchObject({ by: "c" });
    c.play(overloaded);
    expect(await chat(proxy)).toMatchObject({ by: "b", tries: 2 });
    b.play(overloaded);
    expect(await chat(proxy)).toMatchObject({ by: "a", tries: 3 });
  });

  test("can each be asked alone, and then nobody else is", async () => {
    const { proxy, a, b } = await several();
    expect(await chat(proxy, { model: "b/m" })).toMatchObject({ by: "b" });
    b.play(overloaded);
    expect(await chat(proxy, { model: "B/M:latest" })).toMatchObject({ status: 502, tries: 1 });
    expect(a.requests).toEqual([]);
  });

  test("are not told of in headers where that is not wanted", async () => {
    const { proxy, a } = await several({ proxy_headers: false });
    a.play(overloaded);
    expect(await chat(proxy)).toMatchObject({ text: "b", by: undefined, tries: 0 });
  });

  test("a name that nobody lists is not found", async () => {
    const { proxy } = await several();
    expect(await chat(proxy, { model: "none" })).toMatchObject({
      status: 404,
      text: "model 'none' not found",
      by: undefined,
    });
    expect(await chat(proxy, { model: "b/only-a" })).toMatchObject({ status: 404 });
  });
});

describe("the policy", () => {
  test("`weighted` shares the requests by weight", async () => {
    const weights = { a: { weight: 3 }, b: { weight: 1 }, c: { weight: 0 } };
    const { proxy } = await several({ failover: { policy: "weighted" } }, weights);
    const { a = 0, b = 0, ...rest } = await shares(proxy, 400);
    // Six standard deviations of a draw of 400.
    expect(Math.abs(a - 300)).toBeLessThan(52);
    expect(a + b).toBe(400);
    expect(rest).toEqual({});
  });

  test("`weighted` asks the one of no weight when the others fail", async () => {
    const weights = { c: { weight: 0 } };
    const { proxy, a, b } = await several({ failover: { policy: "weighted" } }, weights);
    for (const each of [a, b]) each.play(overloaded);
    expect(await chat(proxy)).toMatchObject({ by: "c", tries: 3 });
  });

  test("`round-robin` asks each in turn", async () => {
    const { proxy } = await several({ failover: { policy: "round-robin" } });
    const order: (string | undefined)[] = [];
    for (let asked = 0; asked < 9; asked += 1) order.push((await chat(proxy)).by);
    const [first] = order;
    expect(new Set(order.slice(0, 3))).toEqual(new Set(["a", "b", "c"]));
    expect(order).toEqual([...order.slice(0, 3), ...order.slice(0, 3), ...order.slice(0, 3)]);
    expect(order[3]).toBe(first);
  });

  test("`round-robin` is fair to those that fail too", async () => {
    const { proxy, b } = await several({ failover: { policy: "round-robin" } });
    b.play(overloaded);
    expect(await shares(proxy, 30)).toEqual({ a: 10, c: 20 });
    expect(b.requests).toHaveLength(10);
  });

  test("`least-busy` goes round those that have much to do", async () => {
    const { proxy, a, b, c } = await several({ failover: { policy: "least-busy" } });
    for (const each of [a, b, c]) each.play(unending);
    const asked = () => [a, b, c].map(({ requests }) => requests.length);
    const begin = async (then: readonly number[]) => {
      const client = sendRaw({
        port: proxy.port,
        path: "/api/chat",
        body: { model: "m", messages },
      });
      await until("it is under way", () => String(asked()) === String(then));
      return client;
    };
    await begin([1, 0, 0]);
    const second = await begin([1, 1, 0]);
    await begin([1, 1, 1]);
    await begin([2, 1, 1]);
    second.socket.destroy();
    await until("it is free again", () => b.openConnections() === 0);
    expect(await begin([2, 2, 1])).toBeDefined();
  });
});

describe("a route", () => {
  test("has targets of other names, listed or not, in its own order", async () => {
    const { proxy, a, b } = await several({
      routes: {
        fast: {
          targets: [
            { upstream: "b", model: "only-b" },
            { upstream: "a", model: "hidden", priority: -1 },
          ],
        },
      },
    });
    expect(await chat(proxy, { model: "Fast:latest" })).toMatchObject({ by: "a" });
    expect(sent(a).model).toBe("hidden");
    a.play(overloaded);
    expect(await chat(proxy, { model: "fast" })).toMatchObject({ by: "b" });
    expect(sent(b).model).toBe("only-b");
  });

  test("is listed everywhere, with its own name", async () => {
    const { proxy } = await several({
      routes: {
        fast: { targets: [{ upstream: "b", model: "only-b" }, { upstream: "a" }] },
        "my-*": { targets: [{ upstream: "a" }] },
      },
    });
    expect(await names(proxy)).toEqual([
      "m:latest",
      "only-a:latest",
      "only-b:latest",
      "only-c:latest",
      "fast:latest",
    ]);
    const { data } = (await get(proxy, "/v1/models")) as { data: { id: string }[] };
    expect(data.map(({ id }) => id)).toEqual(["m", "only-a", "only-b", "only-c", "fast"]);
    expect(await get(proxy, "/v1/models/fast")).toMatchObject({ id: "fast", object: "model" });
    const body = JSON.stringify({ model: "fast" });
    const card = await call({ port: proxy.port, path: "/api/show", body });
    expect(card.status).toBe(200);
    expect(JSON.parse(card.body)).toMatchObject({ capabilities: expect.any(Array) });
    expect(card.body).toContain("fast");
  });

  test("takes the place of what backends list under its name", async () => {
    const { proxy, a, c } = await several({ routes: { M: { targets: [{ upstream: "c" }] } } });
    expect(await names(proxy)).toContain("m:latest");
    expect(await chat(proxy)).toMatchObject({ by: "c" });
    c.play(overloaded);
    expect(await chat(proxy)).toMatchObject({ status: 502, tries: 1 });
    expect(a.requests).toEqual([]);
  });

  test("without targets changes how those that list the model are asked", async () => {
    const { proxy } = await several({ routes: { m: { policy: "round-robin" } } });
    expect(await shares(proxy, 30)).toEqual({ a: 10, b: 10, c: 10 });
  });

  test("gives its targets weights of its own", async () => {
    const targets = [
      { upstream: "a", weight: 0 },
      { upstream: "b", weight: 1 },
    ];
    const own = { a: { weight: 9 }, b: { weight: 0 } };
    const { proxy } = await several({ routes: { m: { policy: "weighted", targets } } }, own);
    expect(await shares(proxy, 20)).toEqual({ b: 20 });
  });

  test("may have a star, which its targets may have too", async () => {
    const { proxy, b } = await several({
      routes: { "my-*": { targets: [{ upstream: "b", model: "only-*" }, { upstream: "a" }] } },
    });
    expect(await chat(proxy, { model: "my-b" })).toMatchObject({ by: "b" });
    expect(sent(b).model).toBe("only-b");
    expect(await chat(proxy, { model: "my-x" })).toMatchObject({ status: 404 });
  });

  test("counts before one of a shorter name, and an exact one before all", async () => {
    const to = (upstream: string) => ({ targets: [{ upstream, model: "m" }] });
    const { proxy } = await several({
      routes: { "*": to("a"), "gpt-*": to("b"), "gpt-5": to("c"), "*-mini": to("c") },
    });
    const asked = async (model: string) => (await chat(proxy, { model })).by;
    expect(await asked("llama")).toBe("a");
    expect(await asked("gpt-4")).toBe("b");
    expect(await asked("gpt-5")).toBe("c");
    expect(await asked("GPT-4-mini")).toBe("c");
  });

  test("with a star keeps turns and budget from one request to the next", async () => {
    const targets = ["a", "b", "c"].map((upstream) => ({ upstream, model: "m" }));
    const { proxy } = await several({ routes: { "x-*": { policy: "round-robin", targets } } });
    const order: (string | undefined)[] = [];
    for (let asked = 0; asked < 9; asked += 1) {
      order.push((await chat(proxy, { model: "x-1" })).by);
    }
    expect(new Set(order.slice(0, 3)).size).toBe(3);
    expect(order.slice(3)).toEqual(order.slice(0, 6));
  });
});
