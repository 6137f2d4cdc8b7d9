import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { runCli } from "../../src/cli/cli.ts";
import {
  chunk,
  json,
  sse,
  startScriptedUpstream,
  type RecordedRequest,
  type Script,
  type ScriptedUpstream,
  type ScriptedUpstreamOptions,
} from "../support/scripted-upstream.ts";
import { startProxy } from "../support/start-proxy.ts";

const KEY = "sk-CANARY-upstream";
const ANSWER = { steps: [sse(chunk({ content: "hi" }), chunk({}, "length"), "[DONE]")] };

async function backend(options: ScriptedUpstreamOptions = {}): Promise<ScriptedUpstream> {
  const upstream = await startScriptedUpstream(options);
  upstream.play(ANSWER);
  onTestFinished(() => upstream.close());
  return upstream;
}

/** Refuses these fields, one a response. */
function refusing(...fields: string[]) {
  return ({ body }: RecordedRequest) => {
    const asked = JSON.parse(body) as object;
    const param = fields.find((name) => Object.hasOwn(asked, name));
    if (param === undefined) return ANSWER;
    return json(400, { error: { message: `Unsupported parameter: '${param}'`, param } });
  };
}

/** Runs the command with this configuration; JSON is YAML. */
async function check(config: object, ...args: string[]) {
  const folder = mkdtempSync(join(tmpdir(), "check-"));
  const file = join(folder, "proxy.yaml");
  writeFileSync(file, JSON.stringify(config));
  let text = "";
  const output = new Writable({
    write(bytes: Buffer, _, done) {
      text += bytes.toString();
      done();
    },
  });
  const codes: number[] = [];
  const terminal = {
    environment: {},
    stdout: output,
    stderr: output,
    nodeVersion: "v22.0.0",
    onSignal: () => {},
    onFault: () => {},
    hasHungUp: () => false,
    exit: (code: number) => codes.push(code),
  };
  await runCli(["check", "--config", file, ...args], terminal, "0.0.0");
  rmSync(folder, { recursive: true });
  expect(text).not.toContain("CANARY");
  return { codes, text };
}

const upstreams = (...urls: string[]) =>
  urls.map((base_url, at) => ({ id: `backend-${at + 1}`, base_url, api_key: KEY }));

/** Can do everything, in vLLM's words. */
function able({ path, body }: RecordedRequest): Script {
  const asked = JSON.parse(body) as Record<string, unknown>;
  if (path === "/v1/embeddings") {
    return json(200, { data: [{ embedding: [0.6, 0.8] }], usage: { prompt_tokens: 2 } });
  }
  if (path === "/v1/completions") {
    return { steps: [sse({ choices: [{ text: "a + b", finish_reason: "stop" }] }, "[DONE]")] };
  }
  const usage = { usage: { prompt_tokens: 10, completion_tokens: 3 } };
  const answer = (...deltas: object[]) => ({
    steps: [sse(...deltas.map((delta) => chunk(delta)), chunk({}, "stop", usage), "[DONE]")],
  });
  if (asked["tools"] !== undefined) {
    const call = { name: "get_weather", arguments: '{"city":"Paris"}' };
    return answer({ tool_calls: [{ index: 0, id: "c1", function: call }] });
  }
  if (asked["response_format"] !== undefined) return answer({ content: '{"answer":"blue"}' });
  if (body.includes("image_url")) return answer({ content: "Yellow." });
  if (body.includes('"enable_thinking":true')) return answer({ reasoning_content: "Well" });
  return answer({ content: "1" }, { content: ", 2" });
}

/** The cells of a row, by its title. */
function row(text: string, title: string): string[] {
  const line = text.split("\n").find((given) => given.trimStart().startsWith(`${title}  `));
  return line?.trim().split(/ {2,}/).slice(1) ?? [];
}

const featureRows = [
  "Chat",
  "Streaming",
  "Tools",
  "JSON schema",
  "Thinking",
  "Vision",
  "Embeddings",
  "FIM",
];

test("tells what a backend can do, by asking for each feature", async () => {
  const models = [{ id: "text-embedding-3" }, { id: "qwen2.5-coder", owned_by: "vllm" }];
  const upstream = await backend({ models });
  upstream.play(able);
  const { codes, text } = await check({ upstreams: upstreams(upstream.baseUrl) });
  expect(row(text, "Dialect")).toEqual(["vllm"]);
  expect(row(text, "known by")).toEqual(["its model list"]);
  expect(row(text, "chats")).toEqual(["qwen2.5-coder"]);
  expect(row(text, "embeds")).toEqual(["text-embedding-3"]);
  expect(featureRows.map((title) => row(text, title))).toEqual(featureRows.map(() => ["yes"]));
  expect(row(text, "Key valid")).toEqual(["yes"]);
  expect(row(text, "Latency")[0]).toMatch(/^[\d.]+ m?s$/);
  expect(row(text, "First token")[0]).toMatch(/^[\d.]+ m?s$/);
  expect(text).toMatch(/Asked in 8 requests: about \d+ tokens read and \d+ written\./);
  expect(codes).toEqual([0]);
  const limits = upstream.requests.flatMap(
    ({ body }) => (JSON.parse(body) as { max_tokens?: number }).max_tokens ?? [],
  );
  expect(limits).toHaveLength(7);
  expect(Math.max(...limits)).toBeLessThanOrEqual(128);
});

test("tells what a backend refuses or does not do, and is content with that", async () => {
  const upstream = await backend({ models: [{ id: "m", owned_by: "vllm" }] });
  upstream.play((request) => {
    const { path, body } = request;
    if (path !== "/v1/chat/completions") return json(404, { error: { message: "Not Found" } });
    if (body.includes("image_url")) return json(400, { error: { message: "I can't see" } });
    return ANSWER;
  });
  const { codes, text } = await check({ upstreams: upstreams(upstream.baseUrl) });
  expect(featureRows.map((title) => row(text, title)[0])).toEqual([
    "yes",
    "unclear",
    "unclear",
    "unclear",
    "no",
    "no",
    "no",
    "no",
  ]);
  expect(text).toMatch(/Streaming +unclear: the answer came in one piece\n/);
  expect(text).toMatch(/Vision +no: I can't see\n/);
  expect(text).toMatch(/Embeddings +no: no model seems made for them\n/);
  expect(codes).toEqual([0]);
});

test("tells what is learned from refusals, and what a backend can't be told", async () => {
  const upstream = await backend({ models: [{ id: "m", owned_by: "vllm" }] });
  const refused = ["top_k", "min_p", "seed", "logprobs", "temperature", "top_p"];
  upstream.play(refusing(...refused));
  const { codes, text } = await check({ upstreams: upstreams(upstream.baseUrl), strict: true });
  for (const name of refused) expect(text).toContain(name);
  expect(text).toMatch(/Learned +left out top_k,/);
  expect(text).toMatch(/Not told +options\.num_keep,/);
  expect(row(text, "Chat")).toEqual(["yes"]);
  expect(codes).toEqual([0]);
});

test("looks at each backend by itself: one that is gone, two that have the same model", async () => {
  const [gone, first, second] = [await backend(), await backend(), await backend()];
  await gone.close();
  const urls = [gone.baseUrl, first.baseUrl, second.baseUrl];
  // What holds for all of them together would send a request elsewhere.
  const routes = { m: { targets: [{ upstream: "backend-1" }, { upstream: "backend-2" }] } };
  const { codes, text } = await check({ upstreams: upstreams(...urls), routes });
  expect(row(text, "Backend")).toEqual(["backend-1", "backend-2", "backend-3"]);
  expect(row(text, "Reachable")).toEqual(["no", "yes", "yes"]);
  expect(row(text, "Chat")).toEqual(["not tried", "yes", "yes"]);
  expect(text).toContain('upstream "backend-1" is unreachable');
  expect(text).toMatch(/m +priority +backend-1\/m +unknown\n +backend-2\/m +yes\n/);
  expect(codes).toEqual([1]);
  expect(first.requests.length).toBeGreaterThan(0);
  expect(second.requests).toHaveLength(first.requests.length);
});

test("tells a wrong key, an empty list and a model that does not answer", async () => {
  const refusal = json(401, { error: { message: `Incorrect API key provided: ${KEY}` } });
  const wrongKey = await backend({ lookups: { "/v1/models": refusal } });
  const empty = await backend({ models: [] });
  const broken = await backend();
  broken.play(json(500, { error: { message: "out of memory" } }));
  const urls = [wrongKey.baseUrl, empty.baseUrl, broken.baseUrl];
  const { codes, text } = await check({ upstreams: upstreams(...urls) });
  expect(row(text, "Reachable")).toEqual(["yes", "yes", "yes"]);
  expect(row(text, "Key valid")).toEqual(["rejected", "unknown", "unknown"]);
  expect(row(text, "Models")).toEqual(["0", "0", "1"]);
  expect(row(text, "Chat")).toEqual(["not tried", "not tried", "no"]);
  expect(row(text, "Tools")).toEqual(["not tried", "not tried", "not tried"]);
  expect(text).toMatch(/Problem +upstream "backend-1" rejected the proxy's credentials/);
  expect(text).toMatch(/Problem +it lists no models/);
  expect(text).toMatch(/Chat +no: out of memory\n/);
  expect(codes).toEqual([1]);
});

test("a list that anybody may read proves no key; an answer does", async () => {
  const upstream = await backend();
  const config = { upstreams: upstreams(upstream.baseUrl) };
  const unasked = await check(config, "--no-request");
  expect(row(unasked.text, "Key valid")).toEqual(["unknown"]);
  expect(unasked.codes).toEqual([0]);

  upstream.play(json(401, { error: { message: "no such key" } }));
  const rejected = await check(config);
  expect(row(rejected.text, "Key valid")).toEqual(["rejected"]);
  expect(rejected.codes).toEqual([1]);

  upstream.play(ANSWER);
  const [{ api_key: _, ...keyless }] = config.upstreams as [(typeof config.upstreams)[number]];
  const without = await check({ upstreams: [keyless] });
  expect(row(without.text, "Key valid")).toEqual(["not needed"]);
  expect(without.codes).toEqual([0]);
});

test("checks each of several keys, names them by place, and asks with one that is taken", async () => {
  const used: (string | undefined)[] = [];
  const upstream = createServer((request, response) => {
    const { method, headers } = request;
    if (headers.authorization !== "Bearer sk-CANARY-good") {
      response.writeHead(401).end('{"error":{"message":"no such key"}}');
    } else if (method === "GET") response.end('{"data":[{"id":"m"}]}');
    else {
      used.push(headers.authorization);
      response.end('{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}');
    }
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void upstream.close());
  const { port } = upstream.address() as AddressInfo;
  const base_url = `http://127.0.0.1:${port}/v1`;
  const api_key = ["sk-CANARY-old", "sk-CANARY-good"];
  const { codes, text } = await check({ upstreams: [{ id: "a", base_url, api_key }] });
  expect(row(text, "Key valid")).toEqual(["1 rejected, 1 yes"]);
  expect(text).toMatch(/Key 1 +rejected\n +Key 2 +yes\n/);
  expect(row(text, "Chat")).toEqual(["yes"]);
  expect(used.length).toBeGreaterThan(0);
  expect(codes).toEqual([1]);
});

test("asks nothing where each client brings its own key", async () => {
  const upstream = await backend();
  const [config] = upstreams(upstream.baseUrl);
  const { codes, text } = await check({ upstreams: [{ ...config, auth: "client" }] });
  expect(text).toMatch(/Chat +not tried: each client brings its own key\n/);
  expect(upstream.requests).toEqual([]);
  expect(codes).toEqual([0]);
});

test("--no-request asks nothing that costs tokens", async () => {
  const listed = await backend();
  const unlisted = await backend();
  const [first, second] = upstreams(listed.baseUrl, unlisted.baseUrl);
  const { codes, text } = await check(
    { upstreams: [first, { ...second, models: ["m"], dialect: "groq" }] },
    "--no-request",
  );
  expect(row(text, "Reachable")).toEqual(["yes", "not asked"]);
  expect(row(text, "known by").at(-1)).toBe("the configuration");
  for (const title of featureRows) expect(row(text, title)).toEqual(["not tried", "not tried"]);
  expect(text).not.toContain("tokens");
  expect(codes).toEqual([0]);
  expect([...listed.requests, ...unlisted.requests, ...unlisted.lookups]).toEqual([]);
});

test("--model asks that one, where it is", async () => {
  const first = await backend();
  const second = await backend({ models: [{ id: "m" }, { id: "org/n" }] });
  const config = { upstreams: upstreams(first.baseUrl, second.baseUrl) };
  const found = await check(config, "--model", "org/n");
  expect(row(found.text, "chats")).toEqual(["-", "org/n"]);
  expect(row(found.text, "Chat")).toEqual(["not tried", "yes"]);
  expect(found.text).toContain("context window");
  expect([found.codes, first.requests.length]).toEqual([[0], 0]);
  const missing = await check(config, "--model", "p");
  expect(missing.text).toContain("No backend lists p.");
  expect(missing.codes).toEqual([1]);
});

test("--model with a model that only embeds asks it for nothing else", async () => {
  const upstream = await backend({ models: [{ id: "m" }, { id: "bge-m3", type: "embedding" }] });
  upstream.play(able);
  const { codes, text } = await check(
    { upstreams: upstreams(upstream.baseUrl) },
    "--model",
    "bge-m3",
  );
  expect([row(text, "Chat"), row(text, "Embeddings")]).toEqual([["not tried"], ["yes"]]);
  expect(upstream.requests.map(({ path }) => path)).toEqual(["/v1/embeddings"]);
  expect(codes).toEqual([0]);
});

test("is not content with a route to a model that its backend does not list", async () => {
  const upstream = await backend();
  const targets = [{ upstream: "backend-1" }, { upstream: "backend-1", model: "m" }];
  const config = { upstreams: upstreams(upstream.baseUrl), routes: { quick: { targets } } };
  const { codes, text } = await check(config, "--no-request");
  expect(text).toContain("lead nowhere\n    quick: backend-1 does not list quick\n");
  expect(codes).toEqual([1]);
  const forScripts = await check(config, "--no-request", "--json");
  expect(JSON.parse(forScripts.text)).toMatchObject({
    ok: false,
    routes: [{ name: "quick", ok: false }],
  });
  expect(forScripts.codes).toEqual([1]);
});

test("--json tells the same to scripts", async () => {
  const upstream = await backend({ models: [{ id: "m", owned_by: "vllm" }] });
  upstream.play(able);
  const routes = { quick: { targets: [{ upstream: "backend-1", model: "m" }] } };
  const { codes, text } = await check({ upstreams: upstreams(upstream.baseUrl), routes }, "--json");
  expect(JSON.parse(text)).toMatchObject({
    ok: true,
    upstreams: [
      {
        id: "backend-1",
        ok: true,
        reachable: true,
        keys: ["yes"],
        dialect: "vllm",
        known_by: "its model list",
        models: 1,
        model: "m",
        first_token_ms: expect.any(Number),
        features: {
          chat: { result: "yes" },
          streaming: { result: "yes" },
          vision: { result: "yes" },
          embeddings: { result: "no", reason: "no model seems made for them" },
        },
        cost: { requests: 7 },
      },
    ],
    routes: [
      {
        name: "quick",
        policy: "priority",
        targets: [{ upstream: "backend-1", model: "m", listed: "yes" }],
      },
    ],
    cost: { requests: 7 },
  });
  expect(codes).toEqual([0]);
});

test("tells what the proxy that runs has learned", async () => {
  const upstream = await backend();
  const proxy = await startProxy({
    upstreamUrl: upstream.baseUrl,
    config: { admin: { listen: "127.0.0.1:0" } },
  });
  onTestFinished(() => proxy.close());
  const { port } = proxy.logs.find(({ msg }) => msg === "serving metrics and state") ?? {};
  const config = {
    upstreams: upstreams(upstream.baseUrl),
    admin: { listen: `127.0.0.1:${String(port)}` },
  };
  const before = await check(config, "--no-request");
  expect(before.text).toContain(`The proxy at 127.0.0.1:${String(port)} has learned nothing yet.`);

  upstream.play(refusing("stream_options"));
  const body = JSON.stringify({ model: "m", prompt: "hi", stream: false });
  await fetch(`${proxy.url}/api/generate`, { method: "POST", body });
  const after = await check(config, "--no-request");
  expect(after.text).toContain("has learned in the last hour:\n    a  m: left out stream_op");
  expect(after.codes).toEqual([0]);
});

test("tells when no proxy runs, and takes another server for none", async () => {
  const upstream = await backend();
  const [other, gone] = [await backend(), await backend()];
  await gone.close();
  for (const { baseUrl } of [other, gone]) {
    const listen = new URL(baseUrl).host;
    const config = { upstreams: upstreams(upstream.baseUrl), admin: { listen } };
    const { codes, text } = await check(config, "--no-request");
    expect(text).toContain(`No proxy answers at ${listen} (admin.listen).`);
    expect(codes).toEqual([0]);
  }
});

test("nobody else can use the backend meanwhile", async () => {
  let strangers: Promise<readonly number[]> | undefined;
  const intrude = (message: unknown) => {
    const { request } = message as { request: IncomingMessage };
    if (request.url !== "/api/chat") return;
    unsubscribe("http.server.request.start", intrude);
    const url = `http://127.0.0.1:${request.socket.localPort}/api/tags`;
    const keys = [{}, { authorization: `Bearer ${KEY}` }, { authorization: "Bearer undefined" }];
    strangers = Promise.all(keys.map(async (headers) => (await fetch(url, { headers })).status));
  };
  // The proxy that `check` starts lives as long as its request, so the backend waits for strangers.
  const upstream = createServer(async ({ method }, response) => {
    if (method === "GET") response.end(JSON.stringify({ data: [{ id: "m", owned_by: "vllm" }] }));
    else {
      await strangers;
      const message = { role: "assistant", content: "hi" };
      response.end(JSON.stringify({ choices: [{ message, finish_reason: "stop" }] }));
    }
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void upstream.close());
  subscribe("http.server.request.start", intrude);
  const { port } = upstream.address() as AddressInfo;
  const { codes, text } = await check({ upstreams: upstreams(`http://127.0.0.1:${port}/v1`) });
  expect(await strangers).toEqual([401, 401, 401]);
  expect(row(text, "Chat")).toEqual(["yes"]);
  expect(codes).toEqual([0]);
});

test("a configuration that can't be used is told as at start", async () => {
  const upstream = await backend();
  const config = { upstreams: upstreams(upstream.baseUrl), admin: { listen: "0.0.0.0:1" } };
  const { codes, text } = await check(config);
  expect(text).toContain("admin.listen: 0.0.0.0:1 can be reached by other machines");
  expect(upstream.requests).toEqual([]);
  expect(codes).toEqual([2]);
});
