import { afterEach, describe, expect, test } from "vitest";
import type { ConfigFile } from "../../src/config/schema.ts";
import {
  chunk,
  json,
  sse,
  startScriptedUpstream,
  type ScriptedUpstream,
} from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";

type UpstreamFile = NonNullable<ConfigFile["upstreams"]>[number];

const upstreams: ScriptedUpstream[] = [];
let proxy: StartedProxy;

afterEach(async () => {
  await proxy.close();
  await Promise.all(upstreams.splice(0).map((upstream) => upstream.close()));
});

/** A backend that names itself in every answer. */
async function backend(id: string, models: readonly string[]): Promise<ScriptedUpstream> {
  const upstream = await startScriptedUpstream({
    models: models.map((model) => ({ id: model, object: "model", owned_by: "vllm" })),
  });
  upstream.play({ steps: [sse(chunk({ content: id }), chunk({}, "stop"), "[DONE]")] });
  upstreams.push(upstream);
  return upstream;
}

async function start(
  ...configured: readonly (Omit<UpstreamFile, "base_url"> & { of: ScriptedUpstream })[]
): Promise<void> {
  proxy = await startProxy({
    config: {
      upstreams: configured.map(({ of, ...rest }) => ({ ...rest, base_url: of.baseUrl })),
    },
  });
}

async function names(): Promise<string[]> {
  const response = await fetch(`${proxy.url}/api/tags`);
  const { models } = (await response.json()) as { models: { name: string; digest: string }[] };
  expect(new Set(models.map(({ digest }) => digest)).size).toBe(models.length);
  return models.map(({ name }) => name);
}

/** The backend that answers for a model, and the id it was asked for. */
async function answeredBy(model: string): Promise<string | number> {
  const response = await fetch(`${proxy.url}/api/chat`, {
    method: "POST",
    body: JSON.stringify({ model, stream: false, messages: [{ role: "user", content: "hi" }] }),
  });
  if (!response.ok) return response.status;
  const { message } = (await response.json()) as { message: { content: string } };
  const asked = upstreams.flatMap((upstream) => upstream.requests).at(-1);
  const { model: id } = JSON.parse(asked?.body ?? "{}") as { model: string };
  return `${message.content}: ${id}`;
}

describe("of two backends with a model of one name", () => {
  test("the first counts, and both are reached by their backend's name", async () => {
    const a = await backend("A", ["shared", "only-a"]);
    const b = await backend("B", ["shared", "org/only-b"]);
    await start({ id: "a", of: a }, { id: "b", of: b });
    expect(await names()).toEqual(["shared:latest", "only-a:latest", "org/only-b:latest"]);
    expect(await answeredBy("shared")).toBe("A: shared");
    expect(await answeredBy("a/shared")).toBe("A: shared");
    expect(await answeredBy("b/shared")).toBe("B: shared");
    expect(await answeredBy("B/Shared:latest")).toBe("B: shared");
    expect(await answeredBy("b/org/only-b")).toBe("B: org/only-b");
    expect(await answeredBy("b/only-a")).toBe(404);
  });
});

describe("a backend's models", () => {
  test("can be chosen by their ids, and named anew", async () => {
    const a = await backend("A", ["gpt-4o", "gpt-4o-mini", "whisper-1", "models/gemini-2.5-pro"]);
    await start({
      id: "a",
      of: a,
      include: ["gpt-*", "models/*"],
      exclude: ["*-mini"],
      rename: { "models/gemini-2.5-pro": "gemini" },
    });
    expect(await names()).toEqual(["gpt-4o:latest", "gemini:latest"]);
    expect(await answeredBy("gemini")).toBe("A: models/gemini-2.5-pro");
    expect(await answeredBy("a/gemini")).toBe("A: models/gemini-2.5-pro");
    expect(await answeredBy("gpt-4o-mini")).toBe(404);
    expect(await answeredBy("whisper-1")).toBe(404);
  });
});

describe("a model that one backend names anew", () => {
  test("leaves its old name to the next backend", async () => {
    const a = await backend("A", ["llama"]);
    const b = await backend("B", ["llama"]);
    await start({ id: "a", of: a, rename: { llama: "llama-fast" } }, { id: "b", of: b });
    expect(await names()).toEqual(["llama-fast:latest", "llama:latest"]);
    const { data } = (await (await fetch(`${proxy.url}/v1/models`)).json()) as {
      data: { id: string }[];
    };
    expect(data.map(({ id }) => id)).toEqual(["llama-fast", "llama"]);
    expect(await answeredBy("llama-fast")).toBe("A: llama");
    expect(await answeredBy("llama")).toBe("B: llama");
    expect(await answeredBy("llama:latest")).toBe("B: llama");
  });
});

describe("a backend that can't list its models", () => {
  const unlisting = async (id: string) => {
    const upstream = await startScriptedUpstream({
      lookups: { "/v1/models": json(404, { error: { message: "no such route" } }) },
    });
    upstream.play({ steps: [sse(chunk({ content: id }), chunk({}, "stop"), "[DONE]")] });
    upstreams.push(upstream);
    return upstream;
  };

  test("is asked for what is chosen of it, under the names it was given", async () => {
    const a = await unlisting("A");
    await start({ id: "a", of: a, include: ["cheap*"], rename: { "cheap-1": "nice" } });
    expect(await answeredBy("cheap-2")).toBe("A: cheap-2");
    expect(await answeredBy("nice")).toBe("A: cheap-1");
    expect(await answeredBy("a/cheap-1")).toBe("A: cheap-1");
    expect(await answeredBy("expensive")).toBe(404);
  });

  test("has no models that a library could keep", async () => {
    await start({ id: "a", of: await unlisting("A") });
    const post = async (path: string, body: object) => {
      const options = { method: "POST", body: JSON.stringify({ stream: false, ...body }) };
      return (await fetch(`${proxy.url}${path}`, options)).status;
    };
    expect(await post("/api/pull", { model: "typo" })).toBe(500);
    expect(await post("/api/copy", { source: "typo", destination: "x" })).toBe(404);
    expect(await post("/api/create", { model: "x", from: "typo" })).toBe(500);
  });
});

test("F-135: a backend that hangs holds the others' models up for a moment only", async () => {
  const a = await backend("A", ["a"]);
  const hanging = await startScriptedUpstream({
    lookups: { "/v1/models": { steps: [{ hang: true }] } },
  });
  upstreams.push(hanging);
  await start({ id: "hanging", of: hanging }, { id: "a", of: a });
  const begun = performance.now();
  expect(await names()).toEqual(["a:latest"]);
  expect(performance.now() - begun).toBeLessThan(4_000);
  expect(await answeredBy("a")).toBe("A: a");
});

test("F-135: a list of more than 8 MiB is none, and the others' models are there", async () => {
  const a = await backend("A", ["a"]);
  const list = (ids: readonly string[]) => json(200, { data: ids.map((id) => ({ id })) });
  const endless = await startScriptedUpstream({
    lookups: { "/v1/models": list(["huge", "x".repeat(8 * 1024 * 1024)]) },
  });
  upstreams.push(endless);
  await start({ id: "endless", of: endless }, { id: "a", of: a });
  expect(await names()).toEqual(["a:latest"]);
});

test("a virtual model whose base is gone holds nothing up", async () => {
  const a = await backend("A", ["a"]);
  await start({ id: "a", of: a });
  for (const [model, from] of [
    ["v", "a"],
    ["w", "v"],
  ] as const) {
    const body = JSON.stringify({ model, from, stream: false });
    expect((await fetch(`${proxy.url}/api/create`, { method: "POST", body })).status).toBe(200);
  }
  const before = a.lookups.length;
  for (let i = 0; i < 5; i += 1)
    expect(await names()).toEqual(["w:latest", "v:latest", "a:latest"]);
  expect(a.lookups.length).toBe(before);
  expect(await answeredBy("w")).toBe("A: a");
});

test("F-135: a thousand clients that come at once cost each backend one request", async () => {
  const a = await backend("A", ["a"]);
  const b = await backend("B", ["b"]);
  await start({ id: "a", of: a }, { id: "b", of: b });
  const lists = await Promise.all(Array.from({ length: 1_000 }, names));
  expect(new Set(lists.map(String))).toEqual(new Set(["a:latest,b:latest"]));
  for (const upstream of [a, b]) {
    expect(upstream.lookups.filter(({ path }) => path === "/v1/models")).toHaveLength(1);
  }
});

test("F-135: a backend that is down keeps its models, and the others are not held up", async () => {
  const a = await backend("A", ["a"]);
  const down = await startScriptedUpstream({
    lookups: { "/v1/models": json(503, { error: { message: "Loading model" } }) },
  });
  upstreams.push(down);
  await start({ id: "a", of: a }, { id: "down", of: down });
  expect(await names()).toEqual(["a:latest"]);
  expect(await answeredBy("a")).toBe("A: a");
});
