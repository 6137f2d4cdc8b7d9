import { describe, expect, test } from "vitest";
import type { ConfigFile } from "../../src/config/schema.ts";
import type { ScriptedUpstream } from "../support/scripted-upstream.ts";
import type { StartedProxy } from "../support/start-proxy.ts";
import {
  backend,
  chat,
  described,
  overloaded,
  proxyOf,
  refuses,
  says,
  sent,
  serving,
} from "./backends.ts";
import { call } from "./call.ts";

interface Several {
  readonly proxy: StartedProxy;
  readonly a: ScriptedUpstream;
  readonly b: ScriptedUpstream;
  readonly c: ScriptedUpstream;
}

/** Three backends with a model each, which has the backend's name; all but the last one fail. */
async function chained(routes: NonNullable<ConfigFile["routes"]>): Promise<Several> {
  const a = await backend(overloaded, serving("a", "a-small"));
  const b = await backend(overloaded, serving("b"));
  const c = await backend(says("c"), serving("c"));
  const upstreams = Object.entries({ a, b, c }).map(([id, each]) => described(id, each));
  return { proxy: await proxyOf({ upstreams, routes }), a, b, c };
}

const counts = ({ a, b, c }: Several) => [a, b, c].map(({ requests }) => requests.length);

describe("a model's fallback", () => {
  test("takes its place, and a fallback's fallback that one's", async () => {
    const all = await chained({ a: { fallback: ["b"] }, b: { fallback: ["C:latest"] } });
    expect(await chat(all.proxy, { model: "a" })).toMatchObject({ text: "c", by: "c", tries: 3 });
    expect([all.a, all.b, all.c].map((each) => sent(each).model)).toEqual(["a", "b", "c"]);
  });

  test("is not asked while the model itself answers", async () => {
    const all = await chained({ c: { fallback: ["a"] } });
    expect(await chat(all.proxy, { model: "c" })).toMatchObject({ by: "c", tries: 1 });
    expect(counts(all)).toEqual([0, 0, 1]);
  });

  test("is not asked for what is the client's own fault", async () => {
    const all = await chained({ a: { fallback: ["c"] } });
    all.a.play(refuses(422, "no"));
    expect(await chat(all.proxy, { model: "a" })).toMatchObject({ status: 422, tries: 1 });
  });

  test("answers under the name that was asked for", async () => {
    const { proxy } = await chained({ a: { fallback: ["c"] } });
    const body = JSON.stringify({ model: "A", messages: [], stream: false, prompt: "hi" });
    const answer = await call({ port: proxy.port, path: "/api/generate", body });
    expect(JSON.parse(answer.body)).toMatchObject({ model: "A", response: "c" });
  });

  test("that leads back ends the chain: each is asked once", async () => {
    const all = await chained({ a: { fallback: ["b"] }, b: { fallback: ["a"] } });
    expect(await chat(all.proxy, { model: "a" })).toMatchObject({ status: 502, by: "b", tries: 2 });
    expect(await chat(all.proxy, { model: "b" })).toMatchObject({ status: 502, by: "a", tries: 2 });
    expect(counts(all)).toEqual([2, 2, 0]);
  });

  test("that nobody knows is passed over", async () => {
    const all = await chained({ a: { fallback: ["none", "c"] } });
    expect(await chat(all.proxy, { model: "a" })).toMatchObject({ by: "c", tries: 2 });
  });

  test("may be another model of the same backend", async () => {
    const all = await chained({ a: { fallback: ["a-small"] } });
    all.a.play(({ body }) => (body.includes('"a-small"') ? says("small") : overloaded));
    expect(await chat(all.proxy, { model: "a" })).toMatchObject({ text: "small", tries: 2 });
  });

  test("may be a model of one backend alone", async () => {
    const all = await chained({ a: { fallback: ["c/c"] } });
    expect(await chat(all.proxy, { model: "a" })).toMatchObject({ by: "c", tries: 2 });
  });

  test("takes turns of its own, whoever else is asked meanwhile", async () => {
    const all = await chained({
      a: { fallback: ["pair"] },
      pair: {
        policy: "round-robin",
        targets: [
          { upstream: "b", model: "b" },
          { upstream: "c", model: "c" },
        ],
      },
    });
    for (const each of [all.a, all.b]) each.play(says("well"));
    const asked: (string | undefined)[] = [];
    for (let turn = 0; turn < 4; turn += 1) {
      await chat(all.proxy, { model: "a" });
      asked.push((await chat(all.proxy, { model: "pair" })).by);
    }
    expect(new Set(asked.slice(0, 2)).size).toBe(2);
    expect(asked.slice(2)).toEqual(asked.slice(0, 2));
    all.a.play(overloaded);
    const instead = [await chat(all.proxy, { model: "a" }), await chat(all.proxy, { model: "a" })];
    expect(new Set(instead.map(({ by }) => by)).size).toBe(2);
  });

  test("is not asked for a model that was asked for at one backend alone", async () => {
    const all = await chained({ a: { fallback: ["c"] } });
    expect(await chat(all.proxy, { model: "a/a" })).toMatchObject({ status: 502, tries: 1 });
  });

  test("may be a route, and a route may have one", async () => {
    const all = await chained({
      fast: { targets: [{ upstream: "a" }], fallback: ["safe"] },
      safe: { targets: [{ upstream: "b", model: "b" }], fallback: ["c"] },
    });
    expect(await chat(all.proxy, { model: "fast" })).toMatchObject({ by: "c", tries: 3 });
    expect(sent(all.a).model).toBe("fast");
  });

  test("whose backend does not even list models holds nothing up", async () => {
    const a = await backend(says("a"), serving("a"));
    const hanging = await backend(says("slow"), {
      lookups: { "/v1/models": { steps: [{ hang: true }] } },
    });
    const proxy = await proxyOf({
      upstreams: [described("a", a), described("hanging", hanging)],
      routes: { a: { fallback: ["slow"] } },
    });
    await chat(proxy, { model: "a" });
    const begun = performance.now();
    expect(await chat(proxy, { model: "a" })).toMatchObject({ by: "a", tries: 1 });
    // The backend's list is given five seconds.
    expect(performance.now() - begun).toBeLessThan(500);
    a.play(overloaded);
    expect(await chat(proxy, { model: "a" })).toMatchObject({ by: "hanging", text: "slow" });
  });
});

describe("a virtual model", () => {
  const create = ({ port }: StartedProxy, more: object) =>
    call({ port, path: "/api/create", body: JSON.stringify({ stream: false, ...more }) });

  test("says its own words wherever its base is to be had, and at its fallbacks", async () => {
    const all = await chained({
      fast: {
        targets: [
          { upstream: "a", model: "a" },
          { upstream: "b", model: "b" },
        ],
        fallback: ["c"],
      },
    });
    const system = "Be brief.";
    const made = await create(all.proxy, { model: "brief", from: "fast", system });
    expect(made.status).toBe(200);
    const answer = await chat(all.proxy, { model: "brief" });
    expect(answer).toMatchObject({ text: "c", by: "c", tries: 3 });
    for (const [id, each] of Object.entries({ a: all.a, b: all.b, c: all.c })) {
      expect(sent(each)).toMatchObject({
        model: id,
        messages: [
          { role: "system", content: system },
          { role: "user", content: "hi" },
        ],
      });
    }
  });

  test("may be a fallback", async () => {
    const all = await chained({ a: { fallback: ["brief"] } });
    await create(all.proxy, { model: "brief", from: "c", system: "Be brief." });
    expect(await chat(all.proxy, { model: "a" })).toMatchObject({ by: "c", tries: 2 });
    expect(sent(all.c).model).toBe("c");
  });
});
