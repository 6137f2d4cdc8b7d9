import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  chunk,
  sse,
  startScriptedUpstream,
  type ScriptedUpstream,
} from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";
import { call } from "./call.ts";

const KEY = "key-of-the-clients";
const CHAT = JSON.stringify({
  model: "m",
  stream: false,
  messages: [{ role: "user", content: "hi" }],
});

let upstream: ScriptedUpstream;
let open: StartedProxy;
let locked: StartedProxy;
let prefixed: StartedProxy;

beforeAll(async () => {
  upstream = await startScriptedUpstream();
  upstream.play({ steps: [sse(chunk({ content: "well" }), chunk({}, "stop"), "[DONE]")] });
  const upstreamUrl = upstream.baseUrl;
  open = await startProxy({
    upstreamUrl,
    config: { origins: ["https://app.example", "*.wild.example"] },
  });
  locked = await startProxy({ upstreamUrl, config: { api_key: KEY } });
  prefixed = await startProxy({
    upstreamUrl,
    config: { path_prefix: "/llm/ollama", api_key: KEY },
  });
});
afterAll(async () => {
  await open.close();
  await locked.close();
  await prefixed.close();
  await upstream.close();
});

describe("a key of the proxy", () => {
  test.each([
    ["none", undefined],
    ["another", "Bearer another"],
    ["a longer one", `Bearer ${KEY}x`],
    ["an empty one", "Bearer "],
    ["the right one of another kind", `Basic ${KEY}`],
    ["no kind", KEY],
  ])("%s is refused on every route", async (_, authorization) => {
    const headers = authorization === undefined ? {} : { authorization };
    const asked = upstream.requests.length;
    for (const path of ["/", "/api/version", "/api/tags", "/api/ps", "/v1/models"]) {
      expect(await call({ port: locked.port, path, headers })).toMatchObject({ status: 401 });
    }
    for (const path of ["/api/chat", "/api/show", "/v1/chat/completions"]) {
      const answer = await call({ port: locked.port, path, headers, body: CHAT });
      expect(answer.status).toBe(401);
      expect(answer.body).toContain("unauthorized");
    }
    expect(upstream.requests).toHaveLength(asked);
  });

  test.each([`Bearer ${KEY}`, `bearer ${KEY}`])("%s is let in", async (authorization) => {
    for (const path of ["/api/chat", "/v1/chat/completions"]) {
      const headers = { authorization };
      const answer = await call({ port: locked.port, path, headers, body: CHAT });
      expect(answer.status).toBe(200);
    }
  });

  test.each(["/healthz", "/readyz"])("%s answers without it", async (path) => {
    expect(await call({ port: locked.port, path })).toMatchObject({ status: 200 });
  });

  test("a preflight answers without it", async () => {
    const headers = { origin: "http://localhost:3000", "access-control-request-method": "POST" };
    const answer = await call({ port: locked.port, path: "/api/chat", method: "OPTIONS", headers });
    expect(answer.status).toBe(204);
    expect(answer.headers["access-control-allow-origin"]).toBe("http://localhost:3000");
    expect(answer.headers["access-control-allow-headers"]).toContain("Authorization");
  });

  test("is never sent to the backend, nor logged", async () => {
    const headers = { authorization: `Bearer ${KEY}`, "x-api-key": KEY, cookie: KEY };
    await call({ port: locked.port, path: "/api/chat", headers, body: CHAT });
    await call({ port: locked.port, path: "/v1/chat/completions", headers, body: CHAT });
    const sent = JSON.stringify([upstream.requests, upstream.lookups]);
    expect(sent).not.toContain(KEY);
    expect(sent).toContain("Bearer sk-CANARY-upstream");
    expect(JSON.stringify(locked.logs)).not.toContain(KEY);
  });
});

describe("a path prefix", () => {
  const headers = { authorization: `Bearer ${KEY}` };

  test.each([
    "/llm/ollama",
    "/llm/ollama/",
    "/llm/ollama/api/version",
    "/llm/ollama/v1/models",
    "/llm/ollama/v1/models/m",
    "/llm/ollama/healthz",
  ])("%s is there", async (path) => {
    expect(await call({ port: prefixed.port, path, headers })).toMatchObject({ status: 200 });
  });

  test.each(["/", "/api/version", "/llm/api/version", "/llm/ollamas", "/llm/ollama/nothing"])(
    "%s is not",
    async (path) => {
      expect(await call({ port: prefixed.port, path, headers })).toMatchObject({ status: 404 });
    },
  );

  test("errors keep the shape of their route", async () => {
    const path = "/llm/ollama/v1/chat/completions";
    const answer = await call({ port: prefixed.port, path, headers, body: "{}" });
    expect(JSON.parse(answer.body)).toMatchObject({ error: { message: "model is required" } });
  });
});

describe("F-137: Host, on a loopback address", () => {
  test.each([
    "localhost",
    "LOCALHOST:11434",
    "127.0.0.1",
    "127.0.0.1:1",
    "[::1]:11434",
    "192.168.1.5",
    "x.local",
    "x.localhost",
    "x.internal",
    "",
  ])("%j is let in", async (host) => {
    const answer = await call({ port: open.port, path: "/api/version", headers: { host } });
    expect(answer.status).toBe(200);
  });

  test.each([
    "evil.example",
    "evil.example:11434",
    "127.0.0.1.evil",
    "localhost.evil",
    "8.8.8.8",
    "[2001:db8::1]",
    "user@evil.example",
  ])("%j is not", async (host) => {
    const answer = await call({
      port: open.port,
      path: "/api/chat",
      headers: { host },
      body: CHAT,
    });
    expect(answer).toMatchObject({ status: 403, body: "" });
  });
});

describe("F-138: Origin", () => {
  const ask = (origin: string, method: string) =>
    call({
      port: open.port,
      path: "/api/chat",
      method,
      headers: { origin, host: "127.0.0.1:11434", "access-control-request-method": "POST" },
      ...(method === "POST" ? { body: CHAT } : {}),
    });

  test.each([
    "http://localhost",
    "http://localhost:1234",
    "https://127.0.0.1:1",
    "vscode-webview://x",
    "app://obsidian.md",
    "https://app.example",
    "https://a.wild.example",
  ])("%s is let in, and told so", async (origin) => {
    for (const [method, status] of [
      ["OPTIONS", 204],
      ["POST", 200],
    ] as const) {
      const answer = await ask(origin, method);
      expect(answer.status).toBe(status);
      expect(answer.headers["access-control-allow-origin"]).toBe(origin);
      expect(answer.headers["access-control-allow-credentials"]).toBe(undefined);
    }
  });

  test.each([
    "https://evil.example",
    "null",
    "http://localhost.evil",
    "http://localhost:1234.evil",
    "https://app.example.evil",
    "chrome-extension://x",
    "http://192.168.1.5",
  ])("%s is not", async (origin) => {
    const asked = upstream.requests.length;
    for (const method of ["OPTIONS", "POST"]) {
      const answer = await ask(origin, method);
      expect(answer).toMatchObject({ status: 403, body: "" });
      expect(answer.headers["access-control-allow-origin"]).toBe(undefined);
    }
    expect(upstream.requests).toHaveLength(asked);
  });

  test("none, as of every program that is no browser, is let in", async () => {
    const answer = await call({ port: open.port, path: "/api/chat", body: CHAT });
    expect(answer.status).toBe(200);
    expect(answer.headers["access-control-allow-origin"]).toBe(undefined);
  });

  test.each([
    [
      "F-139: a preflight that asks for a private network",
      { method: "OPTIONS", headers: { "access-control-request-private-network": "true" } },
    ],
    [
      "F-140: a form, which needs no preflight",
      { method: "POST", headers: { "content-type": "text/plain" }, body: CHAT },
    ],
  ])("%s is refused to a page from elsewhere", async (_, { headers, ...options }) => {
    const asked = upstream.requests.length;
    const answer = await call({
      port: open.port,
      path: "/api/chat",
      headers: {
        origin: "https://evil.example",
        "access-control-request-method": "POST",
        ...headers,
      },
      ...options,
    });
    expect(answer).toMatchObject({ status: 403, body: "" });
    const told = Object.keys(answer.headers).filter((name) => name.startsWith("access-control-"));
    expect(told).toEqual([]);
    expect(upstream.requests).toHaveLength(asked);
  });
});

describe("F-142: what a client says of a proxy before it", () => {
  const forwarded = (host: string) => ({
    "x-forwarded-for": "127.0.0.1",
    "x-forwarded-host": host,
    "x-forwarded-proto": "https",
    forwarded: `for=127.0.0.1;host=${host};proto=https`,
  });

  test("opens no door", async () => {
    const headers = { ...forwarded("localhost"), host: "evil.example" };
    expect(await call({ port: open.port, path: "/api/version", headers })).toMatchObject({
      status: 403,
    });
  });

  test("closes none, and is in no log", async () => {
    const headers = forwarded("evil.example");
    const answer = await call({ port: open.port, path: "/api/chat", headers, body: CHAT });
    expect(answer.status).toBe(200);
    expect(JSON.stringify(upstream.requests.at(-1))).not.toContain("evil.example");
    expect(JSON.stringify(open.logs)).not.toContain("evil.example");
  });
});
