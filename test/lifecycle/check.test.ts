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
    exit: (code: number) => codes.push(code),
  };
  await runCli(["check", "--config", file, ...args], terminal, "0.0.0");
  rmSync(folder, { recursive: true });
  expect(text).not.toContain("CANARY");
  return { codes, text };
}

const upstreams = (...urls: string[]) =>
  urls.map((base_url, at) => ({ id: `backend-${at + 1}`, base_url, api_key: KEY }));

test("tells what a backend is and what it refuses, by one request for one token", async () => {
  const upstream = await backend({
    models: [{ id: "text-embedding-3" }, { id: "m", owned_by: "vllm" }],
  });
  upstream.play(refusing("top_k", "logprobs"));
  const { codes, text } = await check({ upstreams: upstreams(upstream.baseUrl), strict: true });
  const { host } = new URL(upstream.baseUrl);
  expect(text).toMatch(
    new RegExp(`backend-1  ${host} +yes +vllm \\(by its model list\\) +2 +m answered in \\d`),
  );
  expect(text).toContain("learned  left out top_k, left out logprobs\n");
  expect(text).toMatch(/not told options\.num_keep,.* options\.top_k,/);
  expect(text.trimEnd()).toMatch(/logprobs$/);
  expect(codes).toEqual([0]);
  expect(upstream.requests).toHaveLength(3);
  expect(JSON.parse(upstream.requests.at(-1)?.body ?? "")).toMatchObject({
    model: "m",
    max_tokens: 1,
  });
});

test("goes on where a backend refuses more than one request may learn", async () => {
  const upstream = await backend();
  const refused = ["top_k", "min_p", "seed", "logprobs", "temperature", "top_p"];
  upstream.play(refusing(...refused));
  const { codes, text } = await check({ upstreams: upstreams(upstream.baseUrl) });
  for (const name of refused) expect(text).toContain(`left out ${name}`);
  expect(text).toContain("m answered in");
  expect(codes).toEqual([0]);
});

test("looks at each backend by itself: one that is gone, one that has the same model", async () => {
  const [gone, first, second] = [await backend(), await backend(), await backend()];
  await gone.close();
  const urls = [gone.baseUrl, first.baseUrl, second.baseUrl];
  const { codes, text } = await check({ upstreams: upstreams(...urls) });
  expect(text).toMatch(/backend-1 .+ no .+ 0 +none\n/);
  expect(text).toContain('problem  upstream "backend-1" is unreachable');
  expect(text).toMatch(/backend-2 .+ yes .+ m answered/);
  expect(text).toMatch(/backend-3 .+ yes .+ m answered/);
  expect(codes).toEqual([1]);
  expect([first.requests.length, second.requests.length]).toEqual([1, 1]);
});

test("tells a wrong key, an empty list and a refused request", async () => {
  const refusal = json(401, { error: { message: `Incorrect API key provided: ${KEY}` } });
  const wrongKey = await backend({ lookups: { "/v1/models": refusal } });
  const empty = await backend({ models: [] });
  const broken = await backend();
  broken.play(json(500, { error: { message: "out of memory" } }));
  const urls = [wrongKey.baseUrl, empty.baseUrl, broken.baseUrl];
  const { codes, text } = await check({ upstreams: upstreams(...urls) });
  expect(text).toMatch(/backend-1 .+ yes .+ 0 +none\n/);
  expect(text).toContain(`problem  upstream "backend-1" rejected the proxy's credentials`);
  expect(text).toContain("problem  it lists no models");
  expect(text).toMatch(/backend-3 .+ yes .+ 1 +m failed\n/);
  expect(text).toContain("failed   out of memory");
  expect(codes).toEqual([1]);
});

test("--no-request asks nothing that costs tokens", async () => {
  const listed = await backend();
  const unlisted = await backend();
  const [first, second] = upstreams(listed.baseUrl, unlisted.baseUrl);
  const { codes, text } = await check(
    { upstreams: [first, { ...second, models: ["m"], dialect: "groq" }] },
    "--no-request",
  );
  expect(text).toMatch(/backend-1 .+ yes .+ 1 +none\n/);
  expect(text).toMatch(/backend-2 .+ not asked +groq \(by the configuration\) +1 +none\n/);
  expect(codes).toEqual([0]);
  expect([...listed.requests, ...unlisted.requests, ...unlisted.lookups]).toEqual([]);
});

test("--model asks that one, where it is", async () => {
  const first = await backend();
  const second = await backend({ models: [{ id: "m" }, { id: "org/n" }] });
  const config = { upstreams: upstreams(first.baseUrl, second.baseUrl) };
  const found = await check(config, "--model", "org/n");
  expect(found.text).toMatch(/backend-1 .+ none\n/);
  expect(found.text).toMatch(/backend-2 .+ org\/n answered/);
  expect([found.codes, first.requests.length]).toEqual([[0], 0]);
  const missing = await check(config, "--model", "p");
  expect(missing.text).toContain("No backend lists p.");
  expect(missing.codes).toEqual([1]);
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
  expect(after.text).toContain("has learned in the last hour:\n    a        m: left out stream_op");
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
  expect(text).toContain("m answered in");
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
