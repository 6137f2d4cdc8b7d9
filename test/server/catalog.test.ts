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

test("a thousand clients that come at once cost each backend one request", async () => {
  const a = await backend("A", ["a"]);
  const b = await backend("B", ["b"]);
  await start({ id: "a", of: a }, { id: "b", of: b });
  const lists = await Promise.all(Array.from({ length: 1_000 }, names));
  expect(new Set(lists.map(String))).toEqual(new Set(["a:latest,b:latest"]));
  for (const upstream of [a, b]) {
    expect(upstream.lookups.filter(({ path }) => path === "/v1/models")).toHaveLength(1);
  }
});

test("a backend that is down keeps its models, and the others are not held up", async () => {
  const a = await backend("A", ["a"]);
  const down = await startScriptedUpstream({
    lookups: { "/v1/models": json(503, { error: { message: "Loading model" } }) },
  });
  upstreams.push(down);
  await start({ id: "a", of: a }, { id: "down", of: down });
  expect(await names()).toEqual(["a:latest"]);
  expect(await answeredBy("a")).toBe("A: a");
});
