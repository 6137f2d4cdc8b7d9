import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { configSchema, type ConfigFile } from "../../../src/config/schema.ts";
import { ProxyError } from "../../../src/errors.ts";
import type { ResponseListener } from "../../../src/upstream/response-handler.ts";
import { Upstream } from "../../../src/upstream/upstream.ts";
import type { UpstreamEvents } from "../../../src/upstream/upstream-events.ts";
import { json, startScriptedUpstream, type Script } from "../../support/scripted-upstream.ts";

type UpstreamFile = NonNullable<ConfigFile["upstreams"]>[number];

/** A backend whose model list is this script, and how the proxy sees it. */
async function start(list: Script, own: Partial<UpstreamFile> = {}) {
  const backend = await startScriptedUpstream({ lookups: { "/v1/models": list } });
  const rests: unknown[] = [];
  const events: UpstreamEvents = {
    circuit: () => {},
    rested: (...told) => rests.push(told),
  };
  const config = configSchema.parse({
    upstreams: [{ id: "a", base_url: backend.baseUrl, ...own }],
  });
  const [described] = config.upstreams;
  if (described === undefined) throw new Error("no upstream");
  const upstream = new Upstream(described, config, events);
  onTestFinished(async () => {
    await upstream.close();
    await backend.close();
  });
  return { backend, upstream, rests };
}

const patience = 300;
const raw = (...steps: string[]): Script => ({ raw: true, steps: [...steps, { hang: true }] });
const page: Script = { headers: { "content-type": "text/html" }, steps: ["<h1>hello</h1>"] };
const silent: Script = { raw: true, steps: [{ hang: true }] };
const ill = json(500, { error: { message: "broken" } });

describe("a look finds it well where it", () => {
  test.each<[what: string, list: Script]>([
    ["tells its models", json(200, { data: [] })],
    ["has a page of its own", page],
    ["tells something else", { steps: ["well"] }],
    ["tells nothing", { steps: [] }],
    ["says where to go", { status: 302, headers: { location: "/" }, steps: [] }],
    ["asks for a key", json(401, {})],
    ["has no list", json(404, {})],
    ["asks for a pause", json(429, {})],
    ["has not thought of lists", json(501, {})],
    ["begins to answer", raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")],
  ])("%s", async (_, list) => {
    const { upstream, backend } = await start(list);
    await expect(upstream.look(patience)).resolves.toBeUndefined();
    expect(backend.lookups).toHaveLength(1);
  });

  test("asks for the caller's key", async () => {
    const { upstream } = await start(json(401, {}), { auth: "client" });
    await expect(upstream.look(patience)).resolves.toBeUndefined();
  });
});

describe("a look finds it ill where it", () => {
  test.each<[what: string, list: Script]>([
    ["fails", ill],
    ["has nobody behind it", json(503, {})],
    ["says nothing", silent],
    ["closes the connection", { raw: true, steps: [{ end: true }] }],
    ["speaks something else", raw("SSH-2.0-x\r\n")],
  ])("%s", async (_, list) => {
    const { upstream } = await start(list);
    await expect(upstream.look(patience)).rejects.toBeInstanceOf(ProxyError);
  });

  test("is not there", async () => {
    const { upstream, backend } = await start(page);
    await backend.close();
    await expect(upstream.look(patience)).rejects.toMatchObject({ code: "upstream_unreachable" });
  });
});

describe("where its models are configured", () => {
  test.each([
    ["fails", ill],
    ["says nothing", silent],
  ])("a list that %s says nothing of it", async (_, list) => {
    const { upstream } = await start(list, { models: ["m"] });
    await expect(upstream.look(patience)).resolves.toBeUndefined();
  });

  test("it is ill where it is not there", async () => {
    const { upstream, backend } = await start(page, { models: ["m"] });
    await backend.close();
    await expect(upstream.look(patience)).rejects.toMatchObject({ code: "upstream_unreachable" });
  });
});

/** Asks for an answer. */
function ask(upstream: Upstream, key?: { readonly secret: string | undefined }) {
  let begun = () => {};
  const head = new Promise<void>((resolve) => (begun = resolve));
  let over = () => {};
  const end = new Promise<void>((resolve) => (over = resolve));
  const listener: ResponseListener = {
    head: () => begun(),
    data: () => {},
    end: () => over(),
    error: () => over(),
  };
  const call = upstream.post({ path: "/x", body: "{}", accept: "*/*", key }, listener);
  return { call, head, end };
}

describe("its answers", () => {
  test("are better than a look, while they run and until the next", async () => {
    const { upstream, backend } = await start(ill);
    backend.play({ steps: ["well", { hang: true }] });
    const { call, head } = ask(upstream);
    await head;
    for (let looks = 0; looks < 3; looks += 1) await upstream.look(patience);
    call.abort();
    await upstream.look(patience);
    expect(backend.lookups).toHaveLength(0);
    await expect(upstream.look(patience)).rejects.toThrow("broken");
  });

  test("that begin while it is looked at count too", async () => {
    const { upstream, backend } = await start(silent);
    backend.play({ steps: ["well"] });
    const look = upstream.look(patience);
    await ask(upstream).end;
    await expect(look).resolves.toBeUndefined();
    expect(backend.lookups).toHaveLength(1);
  });

  test("that are refusals don't count", async () => {
    const { upstream, backend } = await start(ill);
    backend.play(ill);
    await ask(upstream).end;
    await expect(upstream.look(patience)).rejects.toThrow("broken");
  });
});

const loading = new ProxyError("upstream_overloaded", "loading", { status: 503, retryAfter: 20 });
const rejected = new ProxyError("upstream_unauthorized", "no such key");

describe("a pause", () => {
  test("is told of", async () => {
    const { upstream, rests } = await start(page);
    upstream.rest(20_000, loading);
    expect(rests).toEqual([["a", 0, 20, loading, false]]);
  });

  test("is not shortened by another", async () => {
    const { upstream } = await start(page);
    upstream.rest(20_000, loading);
    upstream.rest(1, new ProxyError("upstream_overloaded", "a moment"));
    await sleep(5);
    expect(upstream.resting?.error).toBe(loading);
  });
});

test("an alarm ends with an answer to the same key, also where keys don't rest", async () => {
  const { upstream, backend } = await start(page, { api_key: ["one", "two"] });
  const [first, second] = [upstream.keys.take(), upstream.keys.take()];
  if (first === undefined || second === undefined) throw new Error("no keys");
  upstream.restKey(first, 0, rejected, true);
  backend.play({ steps: ["well"] });
  await ask(upstream, second).end;
  expect(upstream.keys.alarms).toEqual([rejected]);
  await ask(upstream, first).end;
  expect(upstream.keys.alarms).toEqual([]);
});
