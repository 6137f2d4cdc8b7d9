import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { ConfigFile } from "../../src/config/schema.ts";
import { json, type RecordedRequest, type Script } from "../support/scripted-upstream.ts";
import type { StartedProxy } from "../support/start-proxy.ts";
import {
  backend,
  chat,
  described,
  keysOf,
  messages,
  overloaded,
  proxyOf,
  refuses,
  says,
} from "./backends.ts";
import { call } from "./call.ts";

type UpstreamFile = NonNullable<ConfigFile["upstreams"]>[number];

const keys = ["key-one", "key-two", "key-three"];
/** Its models are named, so that no look at its list takes a key's turn. */
const own = { api_key: keys, models: ["m"] };

/** Plays one script for each key, and answers well to any other. */
const byKey =
  (scripts: Readonly<Record<string, Script>>) =>
  ({ headers }: RecordedRequest): Script =>
    scripts[(headers["authorization"] ?? "").replace("Bearer ", "")] ?? says("well");

/** A proxy before one backend; what was refused is remembered, as it is not in other tests. */
async function alone(play: (request: RecordedRequest) => Script, more: Partial<UpstreamFile> = {}) {
  const a = await backend(play);
  const upstreams = [described("a", a, { ...own, ...more })];
  return { a, proxy: await proxyOf({ upstreams, failover: { max_rest: 300 } }) };
}

const alarms = ({ logs }: StartedProxy) => logs.filter(({ level }) => level === "error");

describe("several keys of one backend", () => {
  test("are used in turn", async () => {
    const { a, proxy } = await alone(() => says("well"));
    for (let asked = 0; asked < 4; asked += 1) await chat(proxy);
    expect(keysOf(a)).toEqual([...keys, "key-one"]);
  });

  test("take each other's place: one that is limited rests as long as it was told to", async () => {
    let isLimited = true;
    const limited = refuses(429, "slow down", { "retry-after": "2" });
    const { a, proxy } = await alone(
      (request) => (isLimited ? byKey({ "key-one": limited })(request) : says("well")),
      { api_key: keys.slice(0, 2) },
    );
    expect(await chat(proxy)).toMatchObject({ status: 200, text: "well", tries: 2 });
    isLimited = false;
    const rested = performance.now();
    for (let asked = 0; asked < 4; asked += 1) await chat(proxy);
    expect(keysOf(a)).toEqual(["key-one", ...Array<string>(5).fill("key-two")]);
    await sleep(Math.max(0, rested + 2_050 - performance.now()));
    await chat(proxy);
    await chat(proxy);
    expect(keysOf(a).slice(-2).toSorted()).toEqual(["key-one", "key-two"]);
    expect(alarms(proxy)).toEqual([]);
  });

  test.each([
    ["401", refuses(401, "bad key"), /credentials|rejected/],
    ["402", refuses(402, "pay"), /credentials|rejected/],
    ["403", refuses(403, "no"), /credentials|rejected/],
    [
      "429 of a quota that is used up",
      json(429, { error: { message: "quota", code: "insufficient_quota" } }),
      /quota/,
    ],
  ])("take each other's place: a %s is told to the operator, once", async (_, refusal, words) => {
    const { a, proxy } = await alone(byKey({ "key-one": refusal }));
    for (let asked = 0; asked < 4; asked += 1) {
      expect(await chat(proxy)).toMatchObject({ status: 200 });
    }
    expect(keysOf(a)).toEqual(["key-one", "key-two", "key-three", "key-two", "key-three"]);
    expect(alarms(proxy)).toMatchObject([{ upstream: "a", key: 1 }]);
    expect(JSON.stringify(alarms(proxy))).toMatch(words);
    expect(JSON.stringify(proxy.logs)).not.toContain("key-one");
  });

  test.each([402, 403])("are not to blame for a %d about what was asked", async (status) => {
    const flagged = "x requires moderation, and your input was flagged";
    const b = await backend(() => says("b"));
    const a = await backend(refuses(status, flagged));
    const upstreams = [described("a", a, own), described("b", b, { models: ["m"] })];
    const proxy = await proxyOf({ upstreams, failover: { max_rest: 300 } });
    for (let asked = 0; asked < 2; asked += 1) {
      expect(await chat(proxy)).toMatchObject({ status, text: flagged, by: "a", tries: 1 });
    }
    expect(b.requests).toHaveLength(0);
    expect(alarms(proxy)).toEqual([]);
  });

  test("that all rest: the one that is back first counts, and nobody is asked", async () => {
    const { a, proxy } = await alone(
      byKey({
        "key-one": refuses(401, "bad key"),
        "key-two": refuses(429, "slow down", { "retry-after": "200" }),
        "key-three": refuses(429, "in a moment", { "retry-after": "20" }),
      }),
    );
    expect(await chat(proxy)).toMatchObject({ status: 429, text: "in a moment", tries: 3 });
    const again = await chat(proxy);
    expect(again).toMatchObject({ status: 429, text: "in a moment", by: undefined, tries: 0 });
    expect(Number(again.retryAfter)).toBeGreaterThan(10);
    expect(Number(again.retryAfter)).toBeLessThanOrEqual(20);
    expect(a.requests).toHaveLength(3);
  });

  test("that are all rejected: it is the operator's fault, as before", async () => {
    const { a, proxy } = await alone(() => refuses(401, "bad key"));
    const told = { status: 502, text: 'upstream "a" rejected the proxy\'s credentials' };
    expect(await chat(proxy)).toMatchObject({ ...told, tries: 3 });
    expect(await chat(proxy)).toMatchObject({ ...told, tries: 0, retryAfter: undefined });
    expect(a.requests).toHaveLength(3);
  });

  test("are no reason to ask a backend again that is down", async () => {
    const a = await backend(overloaded);
    const b = await backend(says("b"));
    const upstreams = [described("a", a, own), described("b", b, { models: ["m"] })];
    const proxy = await proxyOf({ upstreams });
    expect(await chat(proxy)).toMatchObject({ by: "b", tries: 2 });
    expect(await chat(proxy, { model: "a/m" })).toMatchObject({ status: 502, tries: 1 });
  });

  test("that all rest leave the next backend to answer at once", async () => {
    const a = await backend(refuses(429, "slow down", { "retry-after": "20" }));
    const b = await backend(says("b"));
    const two = { ...own, api_key: keys.slice(0, 2) };
    const upstreams = [described("a", a, two), described("b", b, { models: ["m"] })];
    const proxy = await proxyOf({ upstreams, failover: { max_rest: 300 } });
    expect(await chat(proxy)).toMatchObject({ by: "b", tries: 3 });
    expect(await chat(proxy)).toMatchObject({ by: "b", tries: 1 });
  });

  test("a rest is no longer than `max_rest`", async () => {
    const a = await backend(refuses(429, "slow down", { "retry-after": "200" }));
    const proxy = await proxyOf({
      upstreams: [described("a", a, { models: ["m"] })],
      failover: { max_rest: "300ms" },
    });
    expect(await chat(proxy)).toMatchObject({ status: 429, retryAfter: "200", tries: 1 });
    expect(await chat(proxy)).toMatchObject({ status: 429, retryAfter: "1", tries: 0 });
    await sleep(320);
    expect(await chat(proxy)).toMatchObject({ status: 429, tries: 1 });
  });
});

describe("a backend that asked for a pause", () => {
  test("gets it, and what it said is told meanwhile", async () => {
    const { a, proxy } = await alone(() => refuses(503, "loading", { "retry-after": "20" }));
    expect(await chat(proxy)).toMatchObject({ status: 503, text: "loading", retryAfter: "20" });
    expect(await chat(proxy)).toMatchObject({ status: 503, text: "loading", tries: 0 });
    expect(a.requests).toHaveLength(1);
  });
});

describe("the key is sent", () => {
  const sentWith = async (more: Partial<UpstreamFile>) => {
    const a = await backend(says("well"));
    const key = more.auth === "none" ? {} : { api_key: "its-key" };
    const proxy = await proxyOf({ upstreams: [described("a", a, { ...key, ...more })] });
    await chat(proxy, {}, { authorization: "Bearer callers", "x-api-key": "callers" });
    const all = [...a.lookups, ...a.requests];
    expect(all.length).toBeGreaterThan(1);
    expect(JSON.stringify(all)).not.toContain("callers");
    const seen = all.map(({ headers }) => [headers["authorization"], headers["api-key"]]);
    expect(new Set(seen.map(String)).size).toBe(1);
    return seen[0];
  };

  test.each<[UpstreamFile["auth"], (string | undefined)[]]>([
    [undefined, ["Bearer its-key", undefined]],
    ["bearer", ["Bearer its-key", undefined]],
    ["api-key", [undefined, "its-key"]],
    ["none", [undefined, undefined]],
  ])("as `auth` says: %s", async (auth, expected) => {
    expect(await sentWith(auth === undefined ? {} : { auth })).toEqual(expected);
  });
});

describe("the caller's own key", () => {
  const client = { auth: "client" as const, models: ["m"] };

  test.each([
    [{ authorization: "Bearer callers" }, "callers"],
    [{ authorization: "bearer callers" }, "callers"],
    [{ "x-api-key": "callers" }, "callers"],
    [{ "api-key": "callers" }, "callers"],
    [{}, "none"],
    [{ authorization: "Basic Y2FsbGVycw==" }, "none"],
  ] as const)(
    "is passed on where that is configured, however it came: %j",
    async (headers, key) => {
      const { a, proxy } = await alone(() => says("well"), { ...client, api_key: "for-lists" });
      expect(await chat(proxy, {}, { ...headers })).toMatchObject({ status: 200 });
      expect(keysOf(a)).toEqual([key]);
    },
  );

  test("is not used for lists, which are everybody's", async () => {
    const a = await backend(says("well"));
    const more = { auth: "client" as const, api_key: "for-lists" };
    const proxy = await proxyOf({ upstreams: [described("a", a, more)] });
    await chat(proxy, {}, { authorization: "Bearer callers" });
    expect(keysOf(a)).toEqual(["callers"]);
    expect(new Set(keysOf({ requests: a.lookups }))).toEqual(new Set(["for-lists"]));
  });

  test.each([
    ["/api/embed", { input: "hi" }],
    ["/v1/chat/completions", { messages }],
    ["/v1/messages", { messages, max_tokens: 9 }],
  ])("is passed on by %s too", async (path, body) => {
    const { a, proxy } = await alone(() => says("well"), { ...client, api_key: "for-lists" });
    await call({
      port: proxy.port,
      path,
      headers: { authorization: "Bearer callers" },
      body: JSON.stringify({ model: "m", ...body }),
    });
    expect(keysOf(a)).toEqual(["callers"]);
  });

  test("that is refused is the caller's affair, and nobody else's", async () => {
    const refused = refuses(401, "Incorrect API key provided: wrong-key");
    const { a, proxy } = await alone(byKey({ "wrong-key": refused }), client);
    const wrong = { authorization: "Bearer wrong-key" };
    for (let asked = 0; asked < 2; asked += 1) {
      expect(await chat(proxy, {}, wrong)).toEqual({
        status: 401,
        text: 'upstream "a" rejected the client\'s key',
        by: "a",
        tries: 1,
        retryAfter: undefined,
      });
    }
    expect(await chat(proxy, {}, { authorization: "Bearer right" })).toMatchObject({ status: 200 });
    expect(a.requests).toHaveLength(3);
    expect(alarms(proxy)).toEqual([]);
    expect(JSON.stringify(proxy.logs)).not.toContain("wrong-key");
  });

  test("whose limit is reached does not keep others from asking", async () => {
    const limited = refuses(429, "slow down", { "retry-after": "20" });
    const { proxy } = await alone(byKey({ busy: limited }), client);
    const busy = { authorization: "Bearer busy" };
    expect(await chat(proxy, {}, busy)).toMatchObject({ status: 429, retryAfter: "20" });
    expect(await chat(proxy, {}, { authorization: "Bearer idle" })).toMatchObject({ status: 200 });
  });
});

describe("of two backends, neither gets the other's key", () => {
  test("whoever fails, and whatever the caller sends", async () => {
    const a = await backend(overloaded);
    const b = await backend(overloaded);
    const c = await backend(overloaded);
    const proxy = await proxyOf({
      upstreams: [
        described("a", a, { api_key: ["a-one", "a-two"] }),
        described("b", b, { api_key: "b-one" }),
        described("c", c, { auth: "client" }),
      ],
    });
    for (let asked = 0; asked < 4; asked += 1) {
      expect(await chat(proxy, {}, { authorization: "Bearer callers" })).toMatchObject({
        tries: 3,
      });
    }
    const seen = [a, b, c].map((each) => [
      ...new Set([...keysOf(each), ...keysOf({ requests: each.lookups })]),
    ]);
    expect(seen.map((each) => each.toSorted())).toEqual([
      ["a-one", "a-two"],
      ["b-one"],
      ["callers", "none"],
    ]);
  });
});
