import { describe, expect, test } from "vitest";
import type { ConfigFile } from "../../src/config/schema.ts";
import { json, type Script, type ScriptedUpstream } from "../support/scripted-upstream.ts";
import type { StartedProxy } from "../support/start-proxy.ts";
import { backend, chat, described, messages, overloaded, proxyOf, says, sent } from "./backends.ts";
import { call } from "./call.ts";

/** A real Ollama's answer in one piece, spelled as nobody else would. */
const nativeText = (content: string) =>
  `{"model":"m","created_at":"2026-11-23T09:47:37.8Z", "message":{"role":"assistant","content":"${content}"},"done":true,"done_reason":"stop",` +
  `"total_duration":11,"load_duration":2,"prompt_eval_count":3,"prompt_eval_duration":4,"eval_count":5,"eval_duration":6}`;

const details = { format: "gguf", context_length: 8192, embedding_length: 576 };
const entry = {
  name: "m:latest",
  model: "m:latest",
  details,
  capabilities: ["completion", "embedding"],
};

/** Answers in its own words on its own routes, and in OpenAI's on theirs. */
async function ollama(word: string): Promise<ScriptedUpstream> {
  const native: Script = {
    headers: { "content-type": "application/json" },
    steps: [nativeText(word)],
  };
  return backend(({ path }) => (path.startsWith("/v1/") ? says(word) : native), {
    lookups: { "/api/tags": json(200, { models: [entry] }) },
  });
}

const describedOllama = (id: string, { baseUrl }: ScriptedUpstream) => ({
  id,
  kind: "ollama" as const,
  base_url: baseUrl.replace("/v1", ""),
});

interface Mixed {
  readonly proxy: StartedProxy;
  readonly local: ScriptedUpstream;
  readonly cloud: ScriptedUpstream;
}

/** A real Ollama, and another backend with a model of the same name. */
async function mixed(routes: ConfigFile["routes"] = {}): Promise<Mixed> {
  const local = await ollama("local");
  const cloud = await backend(says("cloud"));
  const upstreams = [describedOllama("local", local), described("cloud", cloud)];
  return { proxy: await proxyOf({ upstreams, routes }), local, cloud };
}

describe("an Ollama and another backend that list the same model", () => {
  test("do not take each other's place: the model is the first one's", async () => {
    const { proxy, local, cloud } = await mixed();
    expect(await chat(proxy)).toMatchObject({ text: "local", by: "local" });
    expect(local.requests[0]?.path).toBe("/api/chat");
    local.play(overloaded);
    expect(await chat(proxy)).toMatchObject({ status: 502, by: "local", tries: 1 });
    expect(cloud.requests).toEqual([]);
    expect(await chat(proxy, { model: "cloud/m" })).toMatchObject({ text: "cloud", tries: 1 });
  });
});

describe("a route to an Ollama and another backend", () => {
  const targets = [
    { upstream: "local", model: "m" },
    { upstream: "cloud", model: "m" },
  ];

  test("asks both in OpenAI's words, one after the other", async () => {
    const { proxy, local, cloud } = await mixed({ fast: { targets } });
    expect(await chat(proxy, { model: "fast" })).toMatchObject({ text: "local", by: "local" });
    expect(local.requests[0]?.path).toBe("/v1/chat/completions");
    expect(sent(local).model).toBe("m:latest");
    local.play(overloaded);
    expect(await chat(proxy, { model: "fast" })).toMatchObject({ by: "cloud", tries: 2 });
    expect(sent(cloud)).toMatchObject({ model: "m", messages });
  });

  test("and back", async () => {
    const { proxy, local, cloud } = await mixed({ fast: { targets: targets.toReversed() } });
    cloud.play(overloaded);
    expect(await chat(proxy, { model: "fast" })).toMatchObject({ text: "local", tries: 2 });
    expect(local.requests[0]?.path).toBe("/v1/chat/completions");
  });

  test("is mixed by a fallback too", async () => {
    const { proxy, local } = await mixed({ m: { fallback: ["cloud/m"] } });
    local.play(overloaded);
    expect(await chat(proxy)).toMatchObject({ text: "cloud", by: "cloud", tries: 2 });
    expect(local.requests[0]?.path).toBe("/v1/chat/completions");
  });

  test("asks either for vectors, and on OpenAI's routes", async () => {
    const { proxy, local } = await mixed({ fast: { targets } });
    local.play(overloaded);
    const body = JSON.stringify({ model: "fast", messages, stream: true });
    const answer = await call({ port: proxy.port, path: "/v1/chat/completions", body });
    expect(answer.headers).toMatchObject({ "x-proxy-upstream": "cloud", "x-proxy-attempts": "2" });
    const embed = JSON.stringify({ model: "fast", input: "hi" });
    const { headers } = await call({ port: proxy.port, path: "/api/embed", body: embed });
    expect(headers["x-proxy-attempts"]).toBe("2");
    expect(local.requests.map(({ path }) => path)).toEqual([
      "/v1/chat/completions",
      "/v1/embeddings",
    ]);
  });

  test("has a card", async () => {
    const { proxy } = await mixed({ fast: { targets } });
    const body = JSON.stringify({ model: "fast" });
    const { status } = await call({ port: proxy.port, path: "/api/show", body });
    expect(status).toBe(200);
  });
});

describe("two Ollamas that list the same model", () => {
  test("take each other's place, and answer in their own words", async () => {
    const first = await ollama("first");
    const second = await ollama("second");
    const upstreams = [describedOllama("first", first), describedOllama("second", second)];
    const proxy = await proxyOf({ upstreams });
    first.play(overloaded);
    const body = JSON.stringify({ model: "m", messages, stream: false, unheard: true });
    const answer = await call({ port: proxy.port, path: "/api/chat", body });
    expect(answer.headers).toMatchObject({ "x-proxy-upstream": "second", "x-proxy-attempts": "2" });
    expect(answer.body).toBe(nativeText("second"));
    expect([first, second].map(({ requests }) => requests[0]?.body)).toEqual([body, body]);
  });

  test("are asked in turn, where that is wanted", async () => {
    const ids = ["first", "second"];
    const upstreams = await Promise.all(
      ids.map(async (id) => describedOllama(id, await ollama(id))),
    );
    const proxy = await proxyOf({ upstreams, failover: { policy: "round-robin" } });
    const asked: (string | undefined)[] = [];
    for (let turn = 0; turn < 4; turn += 1) asked.push((await chat(proxy)).by);
    expect(new Set(asked.slice(0, 2)).size).toBe(2);
    expect(asked.slice(2)).toEqual(asked.slice(0, 2));
  });
});
