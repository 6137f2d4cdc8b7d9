import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import type { ConfigFile } from "../../src/config/schema.ts";
import {
  chunk,
  json,
  sse,
  startScriptedUpstream,
  type Script,
  type ScriptedUpstream,
} from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";
import { call, type Called } from "./call.ts";

const usage = { prompt_tokens: 11, completion_tokens: 5, total_tokens: 16 };

const good: Script = {
  steps: [
    sse(chunk({ content: "CANARY-answer" })),
    { wait: 30 },
    sse(
      chunk({ content: " and more" }),
      chunk({}, "stop"),
      chunk(null, null, { choices: [], usage }),
    ),
    sse("[DONE]"),
  ],
};

interface Seen {
  readonly proxy: StartedProxy;
  readonly upstreams: readonly [a: ScriptedUpstream, b: ScriptedUpstream];
  readonly ask: (path?: string, body?: object) => Promise<Called>;
  /** Lines of the log that requests of the public listener left. */
  readonly requestLines: (count: number) => Promise<Record<string, unknown>[]>;
  readonly metrics: () => Promise<string>;
  readonly state: () => Promise<State>;
}

interface State {
  ready: boolean;
  upstreams: Record<string, unknown>[];
  routes: unknown[];
}

const adminRoutes = new Set<unknown>(["/metrics", "/state"]);

/** Two backends that serve the same model. What nobody may see is marked, and looked for at the end. */
async function start(config: ConfigFile = {}, own: object = {}): Promise<Seen> {
  const a = await startScriptedUpstream();
  const b = await startScriptedUpstream();
  a.play(good);
  b.play(good);
  const proxy = await startProxy({
    config: {
      admin: { listen: "127.0.0.1:0" },
      upstreams: [
        { id: "a", base_url: a.baseUrl, api_key: "sk-CANARY-a1", ...own },
        { id: "b", base_url: b.baseUrl, api_key: "sk-CANARY-b1", priority: 1, ...own },
      ],
      ...config,
    },
  });
  const adminPort = Number(
    proxy.logs.find(({ msg }) => msg === "serving metrics and state")?.["port"],
  );
  const look = async (path: string) => (await call({ port: adminPort, path })).body;
  await call({ port: proxy.port, path: "/api/tags" });
  await until(() => isLogged(proxy, "/api/tags"));
  const skipped = proxy.logs.length;
  onTestFinished(async () => {
    const seen = [await look("/metrics"), await look("/state"), JSON.stringify(proxy.logs)];
    await proxy.close();
    await Promise.all([a.close(), b.close()]);
    for (const text of seen) expect(text).not.toContain("CANARY");
  });
  return {
    proxy,
    upstreams: [a, b],
    ask: (path = "/api/chat", body = {}) =>
      call({
        port: proxy.port,
        path,
        headers: { authorization: "Bearer sk-CANARY-client" },
        body: JSON.stringify({
          model: "m",
          messages: [{ role: "user", content: "CANARY-prompt" }],
          ...body,
        }),
      }),
    requestLines: async (count) => {
      const lines = () =>
        proxy.logs
          .slice(skipped)
          .filter(({ route }) => route !== undefined && !adminRoutes.has(route));
      await until(() => lines().length >= count);
      expect(lines()).toHaveLength(count);
      return lines();
    },
    metrics: () => look("/metrics"),
    state: async () => JSON.parse(await look("/state")) as State,
  };
}

function isLogged({ logs }: StartedProxy, wanted: string): boolean {
  return logs.some(({ route }) => route === wanted);
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (await condition()) return;
    await sleep(10);
  }
  throw new Error("it did not come to that");
}

/** The value of one series, whatever the order of its labels; undefined where there is none. */
function valueOf(
  metrics: string,
  name: string,
  labels: Record<string, string>,
): number | undefined {
  const line = metrics.split("\n").find((each) => {
    const found = Object.fromEntries(
      [...each.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, value]) => [label, value]),
    );
    const wanted = Object.entries(labels);
    return (
      new RegExp(`^${name}[{ ]`).test(each) &&
      Object.keys(found).length === wanted.length &&
      wanted.every(([label, value]) => found[label] === value)
    );
  });
  return line === undefined ? undefined : Number(line.split(" ").at(-1));
}

const chatOnA = { gen_ai_operation_name: "chat", gen_ai_request_model: "m:latest", upstream: "a" };
const duration = "gen_ai_client_operation_duration_seconds";
const firstToken = "gen_ai_server_time_to_first_token_seconds";
const perToken = "gen_ai_server_time_per_output_token_seconds";
const tokenUsage = "gen_ai_client_token_usage";

describe("a good answer", () => {
  test("has one line in the log, and its figures in the metrics", async () => {
    const { ask, requestLines, metrics } = await start();
    expect((await ask()).body).toContain("CANARY-answer");
    expect(await requestLines(1)).toEqual([
      {
        level: "info",
        time: expect.any(String),
        route: "/api/chat",
        method: "POST",
        status: 200,
        ms: expect.any(Number),
        model: "m:latest",
        upstream: "a",
        attempts: 1,
        input_tokens: 11,
        output_tokens: 5,
        first_token_ms: expect.any(Number),
        outcome: "ok",
        msg: "answered",
      },
    ]);
    const text = await metrics();
    expect(valueOf(text, `${duration}_count`, chatOnA)).toBe(1);
    expect(valueOf(text, `${firstToken}_count`, chatOnA)).toBe(1);
    expect(valueOf(text, `${perToken}_count`, chatOnA)).toBe(1);
    expect(valueOf(text, `${perToken}_sum`, chatOnA)).toBeGreaterThan(0.004);
    expect(valueOf(text, `${tokenUsage}_sum`, { ...chatOnA, gen_ai_token_type: "input" })).toBe(11);
    expect(valueOf(text, `${tokenUsage}_sum`, { ...chatOnA, gen_ai_token_type: "output" })).toBe(5);
  });

  const vector = json(200, { data: [{ index: 0, embedding: [1] }], usage: { prompt_tokens: 3 } });
  const document = json(200, {
    choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
    usage,
  });
  const text = sse({ choices: [{ index: 0, text: "hi", finish_reason: "stop" }], usage }, "[DONE]");

  test.for<[path: string, operation: string, body: object, script: Script]>([
    ["/api/chat", "chat", { stream: false }, good],
    ["/api/generate", "text_completion", { prompt: "CANARY-prompt" }, good],
    ["/api/embed", "embeddings", { input: "CANARY-prompt" }, vector],
    ["/api/embeddings", "embeddings", { prompt: "CANARY-prompt" }, vector],
    ["/v1/chat/completions", "chat", { stream: true }, good],
    ["/v1/chat/completions", "chat", {}, document],
    ["/v1/completions", "text_completion", { stream: true, prompt: "hi" }, { steps: [text] }],
    ["/v1/embeddings", "embeddings", { input: "CANARY-prompt" }, vector],
  ])("is counted and logged on %s as %s: %j", async ([path, operation, body, script]) => {
    const { ask, requestLines, metrics, upstreams } = await start();
    upstreams[0].play(script);
    expect((await ask(path, body)).status).toBe(200);
    const [line] = await requestLines(1);
    const tokens = operation === "embeddings" ? 3 : 11;
    expect(line).toMatchObject({ route: path, upstream: "a", outcome: "ok", input_tokens: tokens });
    const labels = { ...chatOnA, gen_ai_operation_name: operation };
    const figures = await metrics();
    expect(valueOf(figures, `${duration}_count`, labels)).toBe(1);
    const input = { ...labels, gen_ai_token_type: "input" };
    expect(valueOf(figures, `${tokenUsage}_sum`, input)).toBe(tokens);
  });
});

describe("another try", () => {
  test("is in the line of its request, and counted for the backend that failed", async () => {
    const { ask, requestLines, metrics, upstreams } = await start();
    upstreams[0].play(json(503, { error: { message: "CANARY: full up" } }));
    const { headers } = await ask();
    expect([headers["x-proxy-upstream"], headers["x-proxy-attempts"]]).toEqual(["b", "2"]);
    const [line] = await requestLines(1);
    expect(line).toMatchObject({ level: "info", upstream: "b", attempts: 2, outcome: "ok" });
    const text = await metrics();
    const labels = { upstream: "a", reason: "upstream_overloaded" };
    expect(valueOf(text, "ollama_proxy_retries_total", labels)).toBe(1);
    expect(text).not.toContain("ollama_proxy_ambiguous_retries_total{");
    expect(valueOf(text, `${duration}_count`, { ...chatOnA, upstream: "b" })).toBe(1);
  });

  test("that may have been paid for twice is counted apart", async () => {
    const { ask, metrics, upstreams } = await start({ failover: { ambiguous: true } });
    upstreams[0].play(json(500, { error: { message: "no" } }));
    await ask();
    const text = await metrics();
    expect(valueOf(text, "ollama_proxy_ambiguous_retries_total", { upstream: "a" })).toBe(1);
  });
});

describe("a failure", () => {
  test("that a backend refused is a warning, in none of the backend's words", async () => {
    const { ask, requestLines, metrics, upstreams } = await start();
    upstreams[0].play(json(400, { error: { message: "CANARY: no good" } }));
    expect((await ask()).status).toBe(400);
    const [line] = await requestLines(1);
    expect(line).toMatchObject({
      level: "warn",
      msg: "did not answer",
      status: 400,
      outcome: "refused",
      error: "upstream_rejected",
      upstream: "a",
      attempts: 1,
    });
    const labels = { ...chatOnA, gen_ai_request_model: "other", error_type: "upstream_rejected" };
    expect(valueOf(await metrics(), `${duration}_count`, labels)).toBe(1);
  });

  test("after the first word is one too, though its status is 200", async () => {
    const { ask, requestLines, metrics, upstreams } = await start();
    await ask();
    upstreams[0].play({ steps: [sse(chunk({ content: "CANARY" })), { end: true }] });
    await ask();
    const [, line] = await requestLines(2);
    expect(line).toMatchObject({
      level: "warn",
      msg: "did not answer",
      status: 200,
      outcome: "failed",
      error: "upstream_truncated",
      attempts: 1,
    });
    const text = await metrics();
    expect(
      valueOf(text, `${duration}_count`, { ...chatOnA, error_type: "upstream_truncated" }),
    ).toBe(1);
    expect(valueOf(text, `${firstToken}_count`, chatOnA)).toBe(1);
  });

  test("of the connection tells the system's code", async () => {
    const { ask, requestLines, upstreams } = await start();
    await Promise.all(upstreams.map((upstream) => upstream.close()));
    expect((await ask()).status).toBe(502);
    const [line] = await requestLines(1);
    expect(line).toMatchObject({
      level: "warn",
      error: "upstream_unreachable",
      cause: "ECONNREFUSED",
      attempts: 2,
    });
  });

  test("for want of the model is no warning, and a long name of one is nowhere", async () => {
    const { ask, requestLines, metrics, proxy } = await start();
    for (const model of ["m".repeat(10_000), "CANARY\u001b[2J\n", "../CANARY", "x:cloud:local"]) {
      const { status } = await ask("/api/chat", { model });
      expect([400, 404]).toContain(status);
    }
    for (const line of await requestLines(4)) {
      expect(line).toMatchObject({ level: "info", msg: "refused", route: "/api/chat" });
    }
    expect(JSON.stringify(proxy.logs)).not.toContain("mmmmmm");
    expect(await metrics()).not.toContain("gen_ai_request_model=");
  });
});

describe("a client that leaves", () => {
  test.for<[when: string, steps: Script["steps"], waitFor: string | undefined]>([
    ["before the first word", [{ hang: true }], undefined],
    ["in the middle", [sse(chunk({ content: "CANARY" })), { hang: true }], "CANARY"],
  ])("%s is a 499 and no failure", async ([_when, steps, waitFor]) => {
    const { ask, proxy, requestLines, metrics, upstreams } = await start();
    await ask();
    upstreams[0].play({ steps });
    const body = JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }] });
    const client = connect(proxy.port, "127.0.0.1");
    let said = "";
    client.on("data", (bytes) => (said += bytes.toString()));
    client.write(
      `POST /api/chat HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await until(() => upstreams[0].requests.length === 2 && said.includes(waitFor ?? ""));
    expect(valueOf(await metrics(), "ollama_proxy_requests_in_flight", {})).toBe(1);
    client.destroy();
    const [, line] = await requestLines(2);
    expect(line).toMatchObject({
      level: "info",
      msg: "client left",
      status: 499,
      outcome: "client_closed",
      model: "m:latest",
      upstream: "a",
      attempts: 1,
    });
    const text = await metrics();
    expect(valueOf(text, "ollama_proxy_requests_in_flight", {})).toBe(0);
    expect(valueOf(text, "ollama_proxy_upstream_in_flight", { upstream: "a" })).toBe(0);
    const labels = { ...chatOnA, error_type: "client_closed" };
    expect(valueOf(text, `${duration}_count`, labels)).toBe(1);
  });
});

describe("a backend", () => {
  test("that answers as many as it may lets the next one wait, and both are seen", async () => {
    const limits = { concurrent: 1, queue: 7, queue_timeout: "20s" };
    const { ask, metrics, state, upstreams } = await start({}, { limits });
    for (const upstream of upstreams) upstream.play({ steps: [{ wait: 500 }, ...good.steps] });
    const answers = [ask(), ask(), ask()];
    const queued = async () => {
      const text = await metrics();
      return ["a", "b"].map((id) =>
        valueOf(text, "ollama_proxy_upstream_queued", { upstream: id }),
      );
    };
    await until(async () => (await queued()).includes(2));
    const text = await metrics();
    expect(valueOf(text, "ollama_proxy_requests_in_flight", {})).toBe(3);
    expect(valueOf(text, "ollama_proxy_upstream_in_flight", { upstream: "a" })).toBe(1);
    expect((await state()).upstreams[0]).toMatchObject({
      id: "a",
      running: 1,
      limits: { concurrent: 1, queue: 7, queue_timeout_s: 20 },
    });
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200]);
    const after = await metrics();
    expect(await queued()).toEqual([0, 0]);
    expect(valueOf(after, "ollama_proxy_upstream_models", { upstream: "a" })).toBe(1);
    expect(valueOf(after, "ollama_proxy_model_list_stale", { upstream: "a" })).toBe(0);
    expect(valueOf(after, "ollama_proxy_model_list_age_seconds", { upstream: "a" })).toBeLessThan(
      60,
    );
  });

  test("that fails is left alone, and that is seen everywhere", async () => {
    const { ask, metrics, state, proxy, upstreams } = await start({
      circuit: { failures: 2, open: "30s" },
    });
    upstreams[0].play(json(503, { error: { message: "no" } }));
    expect(valueOf(await metrics(), "ollama_proxy_circuit_state", { upstream: "a" })).toBe(0);
    for (let i = 0; i < 3; i += 1) expect((await ask()).status).toBe(200);
    expect(upstreams[0].requests).toHaveLength(2);
    const text = await metrics();
    expect(valueOf(text, "ollama_proxy_circuit_state", { upstream: "a" })).toBe(2);
    const labels = { upstream: "a", state: "open" };
    expect(valueOf(text, "ollama_proxy_circuit_transitions_total", labels)).toBe(1);
    const [a, b] = (await state()).upstreams;
    expect(a?.["circuit"]).toEqual({ state: "open", failures: 2, open_s: expect.any(Number) });
    expect(b?.["circuit"]).toEqual({ state: "closed", failures: 0 });
    const lines = proxy.logs.filter(({ circuit }) => circuit !== undefined);
    expect(lines).toMatchObject([{ level: "warn", upstream: "a", circuit: "open" }]);
  });

  test("that rejects a key raises one alarm, and the key rests", async () => {
    const { ask, metrics, state, proxy, upstreams } = await start(
      { failover: { max_rest: "60s" } },
      { api_key: ["sk-CANARY-1", "sk-CANARY-2"] },
    );
    upstreams[0].play(json(401, { error: { message: "sk-CANARY-1 is no good" } }));
    for (let i = 0; i < 3; i += 1) expect((await ask()).status).toBe(200);
    const alarms = proxy.logs.filter(({ level }) => level === "error");
    expect(alarms).toHaveLength(2);
    expect(new Set(alarms.map(({ key }) => key))).toEqual(new Set([1, 2]));
    for (const alarm of alarms) expect(alarm).toMatchObject({ upstream: "a", reason: "rejected" });
    const text = await metrics();
    const labels = { upstream: "a", reason: "rejected" };
    expect(valueOf(text, "ollama_proxy_alarm", labels)).toBe(1);
    expect(valueOf(text, "ollama_proxy_key_rests_total", labels)).toBe(2);
    const rest = { rests_s: expect.any(Number), because: "upstream_unauthorized" };
    expect((await state()).upstreams[0]).toMatchObject({
      keys: [
        { key: 1, ...rest },
        { key: 2, ...rest },
      ],
      rests_because: "upstream_unauthorized",
    });
  });

  test("that limits the rate rests without an alarm", async () => {
    const { ask, metrics, upstreams } = await start();
    const slow = json(429, { error: { message: "CANARY: slow down" } }, { "retry-after": "9" });
    upstreams[0].play(slow);
    expect((await ask()).status).toBe(200);
    const text = await metrics();
    const labels = { upstream: "a", reason: "rate_limit" };
    expect(valueOf(text, "ollama_proxy_key_rests_total", labels)).toBe(1);
    expect(text).not.toContain("ollama_proxy_alarm{");
  });
});

describe("/state", () => {
  test("tells of readiness and routes", async () => {
    const { state } = await start({
      failover: { policy: "least-busy" },
      routes: {
        fast: { targets: [{ upstream: "b", model: "m", weight: 3 }], policy: "weighted" },
        "gpt-*": { fallback: ["m"] },
      },
    });
    await until(async () => (await state()).ready);
    expect(await state()).toMatchObject({
      routes: [
        {
          name: "fast",
          policy: "weighted",
          targets: [{ upstream: "b", model: "m", weight: 3 }],
          fallback: [],
        },
        { name: "gpt-*", policy: "least-busy", fallback: ["m"] },
      ],
    });
  });
});

describe("every route", () => {
  test.for<[method: string, path: string, level: string, body?: string]>([
    ["GET", "/", "debug"],
    ["GET", "/healthz", "debug"],
    ["GET", "/readyz", "debug"],
    ["GET", "/api/version", "debug"],
    ["HEAD", "/api/tags", "debug"],
    ["GET", "/api/tags", "info"],
    ["GET", "/api/ps", "info"],
    ["GET", "/v1/models", "info"],
    ["POST", "/api/show", "info", '{"model":"m"}'],
    ["POST", "/api/pull", "info", '{"model":"m"}'],
    ["GET", "/api/chat", "info"],
  ])("has its line: %s %s at %s", async ([method, path, level, body]) => {
    const { proxy, requestLines } = await start();
    await call({
      port: proxy.port,
      method,
      path: `${path}?key=CANARY`,
      ...(body === undefined ? {} : { body }),
    });
    const [line] = await requestLines(1);
    expect(line).toMatchObject({ level, method, route: path, status: expect.any(Number) });
  });

  test("of the admin listener is told at debug", async () => {
    const { proxy, metrics } = await start();
    await metrics();
    await until(() => isLogged(proxy, "/metrics"));
    expect(proxy.logs.find(({ route }) => route === "/metrics")).toMatchObject({ level: "debug" });
  });
});

test("lines that nobody took are counted", async () => {
  const { metrics } = await start();
  expect(valueOf(await metrics(), "ollama_proxy_log_dropped_total", {})).toBe(0);
});
