import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import {
  chunk,
  json,
  sse,
  startScriptedUpstream,
  type RecordedRequest,
} from "../support/scripted-upstream.ts";
import { startProxy } from "../support/start-proxy.ts";
import { call } from "./call.ts";

const ADMIN = { admin: { listen: "127.0.0.1:0" } };

/** A backend that refuses `top_k` and `stream_options`, as they come. */
function refusing({ body }: RecordedRequest) {
  const asked = JSON.parse(body) as object;
  const refused = ["top_k", "stream_options"].find((name) => Object.hasOwn(asked, name));
  if (refused !== undefined) {
    const message = `Unsupported parameter: '${refused}' is not supported with this model.`;
    return json(400, { error: { message, param: refused } });
  }
  return { steps: [sse(chunk({ content: "well" }), chunk({}, "stop"), "[DONE]")] };
}

async function start(config = {}) {
  const upstream = await startScriptedUpstream();
  upstream.play(refusing);
  const proxy = await startProxy({
    upstreamUrl: upstream.baseUrl,
    config: { ...ADMIN, ...config },
  });
  onTestFinished(async () => {
    await proxy.close();
    await upstream.close();
  });
  const log = proxy.logs.find(({ msg }) => msg === "serving metrics and state");
  return { proxy, upstream, adminPort: Number(log?.["port"]) };
}

async function chat(port: number, options: object) {
  const messages = [{ role: "user", content: "hi" }];
  const answer = await call({
    port,
    path: "/api/chat",
    body: JSON.stringify({ model: "m", stream: false, messages, options }),
  });
  expect(answer.status).toBe(200);
  return answer.headers["x-proxy-ignored"];
}

test("/metrics counts each lesson, and each ignored field once a request", async () => {
  const { proxy, adminPort } = await start();
  expect(await chat(proxy.port, { top_k: 5, num_ctx: 8 })).toBe("options.top_k, options.num_ctx");
  expect(await chat(proxy.port, { num_ctx: 8 })).toBe("options.num_ctx");
  const { status, headers, body } = await call({ port: adminPort, path: "/metrics" });
  expect([status, headers["content-type"]]).toEqual([
    200,
    "text/plain; version=0.0.4; charset=utf-8",
  ]);
  expect(body.match(/^ollama_proxy_(ignored|lessons)_total\{.+$/gm)?.toSorted()).toEqual([
    'ollama_proxy_ignored_total{field="options.num_ctx"} 2',
    'ollama_proxy_ignored_total{field="options.top_k"} 1',
    'ollama_proxy_lessons_total{upstream="a",lesson="options"} 1',
    'ollama_proxy_lessons_total{upstream="a",lesson="stream_usage"} 1',
  ]);
  expect(body).toMatch(/^process_resident_memory_bytes \d+$/m);
});

test("/state tells of each backend what is known and learned; no key, no address", async () => {
  const { proxy, adminPort, upstream } = await start();
  await chat(proxy.port, { top_k: 5 });
  const { status, body } = await call({ port: adminPort, path: "/state" });
  expect(status).toBe(200);
  expect(JSON.parse(body)).toEqual({
    ready: true,
    routes: [],
    upstreams: [
      {
        id: "a",
        dialect: "generic-local",
        because: "its address alone",
        reachable: true,
        last_look_s: 0,
        models: 1,
        circuit: { state: "closed", failures: 0 },
        keys: [{ key: 1 }],
        running: 0,
        queued: 0,
        limits: { concurrent: 64, queue: 512, queue_timeout_s: 30 },
        lessons: [{ model: "m", what: ["left out top_k", "left out stream_options"] }],
      },
    ],
  });
  expect(body).not.toContain("CANARY");
  expect(body).not.toContain(new URL(upstream.baseUrl).port);
});

test("/state tells why a backend has no models", async () => {
  const upstream = await startScriptedUpstream();
  await upstream.close();
  const { proxy, adminPort } = await start({
    upstreams: [{ id: "gone", base_url: upstream.baseUrl }],
  });
  await call({ port: proxy.port, path: "/api/tags" });
  const { body } = await call({ port: adminPort, path: "/state" });
  expect(JSON.parse(body)).toMatchObject({
    upstreams: [{ reachable: false, problem: 'upstream "gone" is unreachable', models: 0 }],
  });
});

test("each listener serves its own routes only", async () => {
  const { proxy, adminPort } = await start({ api_key: "key-of-the-clients" });
  const status = async (port: number, path: string, host?: string) =>
    (await call({ port, path, headers: host === undefined ? {} : { host } })).status;
  expect(await status(adminPort, "/healthz")).toBe(200);
  expect(await status(adminPort, "/metrics", "evil.example")).toBe(403);
  expect(await status(adminPort, "/api/tags")).toBe(404);
  expect(await status(proxy.port, "/metrics")).toBe(404);
  expect(await status(proxy.port, "/state")).toBe(404);
});

test("it goes on while answers end, and is closed after the last of them", async () => {
  const { proxy, adminPort, upstream } = await start({ shutdown: { drain_timeout: "20s" } });
  upstream.play({ steps: [sse(chunk({ content: "we" })), { hang: true }] });
  const answer = call({
    port: proxy.port,
    path: "/api/generate",
    body: JSON.stringify({ model: "m", prompt: "hi" }),
  });
  while (upstream.requests.length === 0) await sleep(5);
  const drained = proxy.drain();
  expect((await call({ port: adminPort, path: "/healthz" })).status).toBe(200);
  await proxy.close();
  await drained;
  expect((await answer).body).toContain("server is shutting down");
  await expect(call({ port: adminPort, path: "/healthz" })).rejects.toThrow("ECONNREFUSED");
});

test("an address that is taken stops the start", async () => {
  const { adminPort } = await start();
  const listen = `127.0.0.1:${adminPort}`;
  await expect(startProxy({ config: { admin: { listen } } })).rejects.toThrow(
    `admin.listen: can't listen on ${listen} (EADDRINUSE)`,
  );
});

test("without the setting there is no second listener", async () => {
  const proxy = await startProxy({});
  onTestFinished(() => proxy.close());
  expect(proxy.logs.map(({ msg }) => msg)).not.toContain("serving metrics and state");
});
