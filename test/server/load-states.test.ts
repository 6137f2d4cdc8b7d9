import { afterEach, describe, expect, test } from "vitest";
import type { ConfigFile } from "../../src/config/schema.ts";
import {
  chunk,
  json,
  sse,
  startScriptedUpstream,
  type RecordedRequest,
  type Script,
  type ScriptedUpstream,
} from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";
import { until } from "../faults/waiting.ts";
import { call } from "./call.ts";

let proxy: StartedProxy;
let upstream: ScriptedUpstream;

afterEach(async () => {
  await proxy.close();
  await upstream.close();
});

/** A backend that answers these routes, the rest as `play` says. */
async function start(
  models: readonly object[],
  lookups: Record<string, Script>,
  config: Partial<NonNullable<ConfigFile["upstreams"]>[number]> = {},
): Promise<void> {
  upstream = await startScriptedUpstream({ models, lookups });
  proxy = await startProxy({
    config: { upstreams: [{ id: "a", base_url: upstream.baseUrl, ...config }] },
  });
  await call({ port: proxy.port, path: "/api/tags" });
}

const ANSWER: Script = { steps: [sse(chunk({ content: "well" }), chunk({}, "stop"), "[DONE]")] };
const messages = [{ role: "user", content: "hi" }];

const post = (path: string, body: object) =>
  call({ port: proxy.port, path, body: JSON.stringify(body) });

interface Running {
  name: string;
  size: number;
  size_vram: number;
  context_length: number;
  expires_at: string;
}

async function running(): Promise<Running[]> {
  const { body } = await call({ port: proxy.port, path: "/api/ps" });
  return (JSON.parse(body) as { models: Running[] }).models;
}

const namesOf = (models: readonly Running[]) => models.map(({ name }) => name);
const isForEver = ({ expires_at: date }: Running) => date.startsWith("2319-");

/** What was asked but for the chats themselves, and what is asked of every Ollama's models. */
function acts(): (Pick<RecordedRequest, "method" | "path"> & { body: unknown })[] {
  return upstream.requests
    .filter(({ path }) => path !== "/v1/chat/completions" && path !== "/api/show")
    .map(({ method, path, body }) => ({
      method,
      path,
      body: body === "" ? undefined : (JSON.parse(body) as unknown),
    }));
}

const asked = (path: string) => upstream.lookups.filter((lookup) => lookup.path === path).length;

describe("LM Studio", () => {
  const model = (key: string, instances: object[] = []) => ({
    type: "llm",
    key,
    size_bytes: 1_000,
    loaded_instances: instances,
    max_context_length: 32_768,
    format: "gguf",
  });
  const loadedAs = (id: string) => ({ id, config: { context_length: 4_321 } });
  const listed = [{ id: "big" }, { id: "small" }, { id: "nick" }];
  const routes = (...models: object[]) => ({ "/api/v1/models": json(200, { models }) });

  test("is asked what is in memory, and once for many", async () => {
    await start(listed, routes(model("big", [loadedAs("big")]), model("small")));
    const before = asked("/api/v1/models");
    const answers = await Promise.all([running(), running(), running()]);
    expect(answers.map(namesOf)).toEqual([["big:latest"], ["big:latest"], ["big:latest"]]);
    expect(answers[0]?.[0]).toMatchObject({
      size: 1_000,
      size_vram: 1_000,
      context_length: 4_321,
    });
    expect(answers[0]?.every(isForEver)).toBe(true);
    expect(asked("/api/v1/models") - before).toBe(1);
  });

  test("names copies that have a name of their own", async () => {
    await start(listed, routes(model("big", [loadedAs("nick"), loadedAs("big:2")])));
    expect(namesOf(await running()).toSorted()).toEqual(["big:latest", "nick:latest"]);
  });

  test("knows better than we do what was used", async () => {
    const lookups = routes(model("big"), model("small", [loadedAs("small")]));
    await start(listed, lookups);
    upstream.play(ANSWER);
    await post("/api/chat", { model: "big", messages, keep_alive: "1h" });
    await post("/api/chat", { model: "small", messages, keep_alive: "2h" });
    const models = await running();
    expect(namesOf(models)).toEqual(["small:latest"]);
    const left = Date.parse(models[0]?.expires_at ?? "") - Date.now();
    expect(left).toBeGreaterThan(110 * 60_000);
    expect(left).toBeLessThanOrEqual(120 * 60_000);
  });

  test("loads, unless it is loaded, and unloads every copy", async () => {
    const small = model("small", [loadedAs("small"), loadedAs("small:2")]);
    await start(listed, routes(model("big"), small));
    upstream.play(json(200, { status: "loaded" }));
    const load = await post("/api/generate", { model: "big", options: { num_ctx: 8_000 } });
    expect(JSON.parse(load.body)).toMatchObject({ done: true, done_reason: "load" });
    await post("/api/chat", { model: "small", messages: [] });
    expect(acts()).toEqual([
      {
        method: "POST",
        path: "/api/v1/models/load",
        body: { model: "big", context_length: 8_000 },
      },
    ]);
    upstream.requests.length = 0;
    const unload = await post("/api/generate", { model: "small", keep_alive: 0 });
    expect(JSON.parse(unload.body)).toMatchObject({ done: true, done_reason: "unload" });
    expect(acts().map(({ path, body }) => [path, body])).toEqual([
      ["/api/v1/models/unload", { instance_id: "small" }],
      ["/api/v1/models/unload", { instance_id: "small:2" }],
    ]);
  });

  test("unloads after an answer that was to be the last", async () => {
    await start(listed, routes(model("big", [loadedAs("big")])));
    upstream.play((request) =>
      request.path.endsWith("/unload") ? json(200, { instance_id: "big" }) : ANSWER,
    );
    await post("/api/chat", { model: "big", messages, keep_alive: 0 });
    await until("it is unloaded", () => acts().length > 0);
    expect(upstream.requests.map(({ path }) => path)).toEqual([
      "/v1/chat/completions",
      "/api/v1/models/unload",
    ]);
  });

  test.each(["/api/embed", "/api/embeddings"])(
    "is unloaded after the answer of %s",
    async (path) => {
      await start(listed, routes(model("big", [loadedAs("big")])));
      let unloading = Number.POSITIVE_INFINITY;
      upstream.play((request) => {
        if (!request.path.endsWith("/unload")) return json(200, { data: [{ embedding: [1] }] });
        unloading = performance.now();
        return { steps: [{ hang: true }] };
      });
      const body = { model: "big", input: "a", prompt: "a", keep_alive: 0 };
      expect(await post(path, body)).toMatchObject({ status: 200 });
      // Else half as long as anybody waits for it at least.
      expect(performance.now() - unloading).toBeLessThan(500);
      await until("it is being unloaded", () => Number.isFinite(unloading));
    },
  );

  test("that takes its time holds nobody up", async () => {
    await start(listed, routes(model("big")));
    upstream.play({ steps: [{ hang: true }] });
    const started = performance.now();
    const { body } = await post("/api/generate", { model: "big" });
    expect(JSON.parse(body)).toMatchObject({ done_reason: "load" });
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(upstream.requests.at(-1)?.closedAt).toBe(undefined);
  });

  test("that refuses to load leaves it at a line in the log", async () => {
    await start(listed, routes(model("big")));
    upstream.play(json(500, { error: { message: "no room" } }));
    expect(await post("/api/generate", { model: "big" })).toMatchObject({ status: 200 });
    expect(proxy.logs).toContainEqual(
      expect.objectContaining({ model: "big:latest", msg: "can't load: no room" }),
    );
  });

  test("downloads, with its progress", async () => {
    await start(listed, {
      ...routes(model("big")),
      "/api/v1/models/download/status/job_1": json(200, {
        job_id: "job_1",
        status: "completed",
        total_size_bytes: 9,
        downloaded_bytes: 9,
      }),
    });
    const job = { job_id: "job_1", status: "downloading", total_size_bytes: 9 };
    upstream.play(json(200, { ...job, downloaded_bytes: 4 }));
    const { body } = await post("/api/pull", { model: "hf.co/me/new:Q4_K_M" });
    const digest = expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string;
    const status = "pulling hf.co/me/new:Q4_K_M";
    const told = body.trim().split("\n");
    expect(told.map((line) => JSON.parse(line) as object)).toEqual([
      { status: "pulling manifest" },
      { status, digest, total: 9, completed: 4 },
      { status, digest, total: 9, completed: 9 },
      { status: "success" },
    ]);
    expect(acts()).toEqual([
      {
        method: "POST",
        path: "/api/v1/models/download",
        body: { model: "https://huggingface.co/me/new", quantization: "Q4_K_M" },
      },
    ]);
  });

  test.each([
    [json(200, { status: "already_downloaded" }), { status: "success" }],
    [json(404, { error: { message: "no such model" } }), { error: "no such model" }],
    [json(200, { job_id: "j", status: "failed", error: "disk full" }), { error: "disk full" }],
    [json(200, {}), { error: 'upstream "a" returned an invalid response' }],
  ])("ends a download %#", async (answer, last) => {
    await start(listed, routes(model("big")));
    upstream.play(answer);
    const { body } = await post("/api/pull", { model: "new" });
    expect(JSON.parse(body.trim().split("\n").at(-1) ?? "")).toEqual(last);
    expect(acts()[0]?.body).toEqual({ model: "new" });
  });

  test("can't delete", async () => {
    await start(listed, routes(model("big")));
    const body = JSON.stringify({ model: "big" });
    const headers = { "content-length": String(body.length) };
    const request = { port: proxy.port, path: "/api/delete", method: "DELETE", headers, body };
    expect(await call(request)).toMatchObject({ status: 403 });
    expect(acts()).toEqual([]);
  });
});

describe("llama-swap", () => {
  const listed = ["one", "me/two"].map((id) => ({ id, owned_by: "llama-swap" }));
  const runs = (...models: object[]) => ({ "/running": json(200, { running: models }) });

  test("tells what runs, and for how long", async () => {
    await start(
      listed,
      runs(
        { model: "one", state: "ready", ttl: 600 },
        { model: "me/two", state: "ready", ttl: 0 },
        { model: "three", state: "stopping" },
      ),
    );
    const models = await running();
    expect(namesOf(models)).toEqual(["me/two:latest", "one:latest"]);
    expect(models.map(isForEver)).toEqual([true, false]);
    const left = Date.parse(models[1]?.expires_at ?? "") - Date.now();
    expect(left).toBeGreaterThan(590_000);
    expect(left).toBeLessThanOrEqual(600_000);
  });

  test("loads when it is asked something for the model, and unloads one", async () => {
    await start(listed, {
      ...runs({ model: "me/two", state: "ready" }),
      "/upstream/one/health": json(200, { status: "ok" }),
    });
    await post("/api/generate", { model: "one" });
    expect(asked("/upstream/one/health")).toBe(1);
    upstream.play(json(200, {}));
    await post("/api/generate", { model: "me/two", keep_alive: 0 });
    await post("/api/generate", { model: "one", keep_alive: 0 });
    expect(acts()).toEqual([
      { method: "POST", path: "/api/models/unload/me%2Ftwo", body: undefined },
    ]);
  });

  test("that can only unload all does so for the only one", async () => {
    const lookups = { ...runs({ model: "one" }), "/unload": { ...json(200, "OK"), steps: ["OK"] } };
    await start(listed, lookups);
    upstream.play(json(404, { error: "not found" }));
    await post("/api/generate", { model: "one", keep_alive: 0 });
    expect(asked("/unload")).toBe(1);
    Object.assign(lookups, runs({ model: "one" }, { model: "me/two" }));
    await post("/api/generate", { model: "one", keep_alive: 0 });
    expect(asked("/unload")).toBe(1);
  });
});

describe("an Ollama behind its /v1", () => {
  const process = {
    name: "smol:latest",
    model: "smol:latest",
    size: 77,
    size_vram: 66,
    context_length: 2_048,
    expires_at: "2319-03-05T09:34:52.721777676Z",
  };
  const listed = [{ id: "smol:latest", owned_by: "library" }];

  test("tells, loads and unloads too", async () => {
    await start(listed, { "/api/ps": json(200, { models: [process] }) }, { dialect: "ollama" });
    expect(await running()).toEqual([expect.objectContaining(process)]);
    upstream.play(json(200, { done: true }));
    await post("/api/generate", { model: "smol", keep_alive: "90s" });
    await post("/api/generate", { model: "smol", keep_alive: -1 });
    await post("/api/generate", { model: "smol", keep_alive: 0 });
    expect(acts().map(({ path, body }) => [path, body])).toEqual(
      [90, -1, 0].map((keep_alive) => [
        "/api/generate",
        { model: "smol:latest", stream: false, keep_alive },
      ]),
    );
  });
});

describe("a backend that does not say", () => {
  test.each<[string, Script]>([
    ["refuses", json(500, {})],
    ["says something else", json(200, { error: "Unexpected endpoint" })],
    ["is silent", { steps: [{ hang: true }] }],
  ])("because it %s is not waited for, and we tell what was used", async (_, answer) => {
    await start([{ id: "big" }], { "/api/v1/models": answer }, { dialect: "lmstudio" });
    upstream.play(ANSWER);
    await post("/api/chat", { model: "big", messages });
    const started = performance.now();
    expect(namesOf(await running())).toEqual(["big:latest"]);
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test("because it has no such route is not asked", async () => {
    await start([{ id: "big" }], {}, { dialect: "vllm" });
    upstream.play(ANSWER);
    await post("/api/chat", { model: "big", messages });
    const before = upstream.lookups.length;
    expect(namesOf(await running())).toEqual(["big:latest"]);
    await post("/api/generate", { model: "big", keep_alive: 0 });
    expect(namesOf(await running())).toEqual([]);
    expect(upstream.lookups.length - before).toBe(0);
    expect(acts()).toEqual([]);
  });
});
