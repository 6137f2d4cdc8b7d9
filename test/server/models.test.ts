import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  chunk,
  sse,
  startScriptedUpstream,
  type ScriptedUpstream,
} from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";
import { call } from "./call.ts";

const NAMES = ["bare", "talker", "thinker", "embedder", "filler", "short", "long", "gone", "usual"];

let upstream: ScriptedUpstream;
let proxy: StartedProxy;

beforeAll(async () => {
  upstream = await startScriptedUpstream({ models: NAMES.map((id) => ({ id })) });
  upstream.play({ steps: [sse(chunk({ content: "well" }), chunk({}, "stop"), "[DONE]")] });
  proxy = await startProxy({
    upstreamUrl: upstream.baseUrl,
    config: {
      keep_alive: "10m",
      models: {
        talker: { capabilities: ["completion"], context_length: 1234 },
        "thinker:latest": { capabilities: ["completion", "tools", "thinking"] },
        embedder: { capabilities: ["embedding"] },
        filler: { capabilities: ["completion", "insert"] },
      },
    },
  });
});
afterAll(async () => {
  await proxy.close();
  await upstream.close();
});

async function post(path: string, body: object) {
  const answer = await call({ port: proxy.port, path, body: JSON.stringify(body) });
  return { ...answer, json: answer.body.includes("\n") ? undefined : JSON.parse(answer.body) };
}

const ask = (model: string, more: object = {}) =>
  post("/api/chat", { model, stream: false, messages: [{ role: "user", content: "hi" }], ...more });

const complete = (model: string, more: object = {}) =>
  post("/api/generate", { model, stream: false, prompt: "hi", ...more });

interface Running {
  name: string;
  expires_at: string;
  context_length: number;
}

async function running(): Promise<Running[]> {
  const { body } = await call({ port: proxy.port, path: "/api/ps" });
  return (JSON.parse(body) as { models: Running[] }).models;
}

async function minutesLeft(name: string): Promise<number | undefined> {
  const model = (await running()).find((entry) => entry.name === `${name}:latest`);
  return model && (Date.parse(model.expires_at) - Date.now()) / 60_000;
}

describe("a request that says nothing loads or unloads", () => {
  test.each([
    ["/api/generate", {}, "load", { response: "" }],
    ["/api/generate", { prompt: "" }, "load", { response: "" }],
    ["/api/generate", { keep_alive: 0 }, "unload", { response: "" }],
    ["/api/generate", { keep_alive: "0s", stream: false }, "unload", { response: "" }],
    ["/api/chat", {}, "load", { message: { role: "assistant", content: "" } }],
    ["/api/chat", { messages: [] }, "load", { message: { role: "assistant", content: "" } }],
    ["/api/chat", { messages: [], keep_alive: 0 }, "unload", { message: { content: "" } }],
  ])("%s %j: %s", async (path, more, done_reason, said) => {
    const asked = upstream.requests.length;
    const answer = await post(path, { model: "usual", ...more });
    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(answer.json).toMatchObject({ model: "usual", done: true, done_reason, ...said });
    expect(upstream.requests).toHaveLength(asked);
  });

  test("an unknown model is not loaded", async () => {
    expect(await post("/api/generate", { model: "nope" })).toMatchObject({ status: 404 });
    expect(await running()).not.toContainEqual(expect.objectContaining({ name: "nope:latest" }));
  });
});

describe("keep_alive and /api/ps", () => {
  test("a used model is listed for the configured time", async () => {
    await ask("usual");
    expect(await minutesLeft("usual")).toBeGreaterThan(9);
    expect(await minutesLeft("usual")).toBeLessThanOrEqual(10);
  });

  test.each([
    ["3m", 3],
    [120, 2],
    ["1h30m", 90],
    [90.5, 90.5 / 60],
  ])("%j is a time", async (keep_alive, minutes) => {
    await ask("usual", { keep_alive });
    const left = (await minutesLeft("usual")) ?? 0;
    expect(left).toBeLessThanOrEqual(minutes);
    expect(left).toBeGreaterThan(minutes - 0.2);
  });

  test.each([-1, "-1s", "-1m"])("%j is for ever", async (keep_alive) => {
    await complete("long", { keep_alive });
    expect(await minutesLeft("long")).toBeGreaterThan(60 * 24 * 365 * 100);
  });

  test("it expires", async () => {
    await ask("short", { keep_alive: 0.2 });
    expect(await minutesLeft("short")).toBeGreaterThan(0);
    await sleep(250);
    expect(await minutesLeft("short")).toBe(undefined);
  });

  test("0 unloads it, after an answer too", async () => {
    await ask("gone");
    expect(await minutesLeft("gone")).toBeGreaterThan(0);
    await ask("gone", { keep_alive: 0 });
    expect(await minutesLeft("gone")).toBe(undefined);
    await ask("gone");
    await post("/api/generate", { model: "GONE:latest", keep_alive: "0" });
    expect(await minutesLeft("gone")).toBe(undefined);
  });

  test.each([true, [1], {}, "300", "x", ""])("%j is refused", async (keep_alive) => {
    expect(await ask("usual", { keep_alive })).toMatchObject({ status: 400 });
  });

  test("context_length is the request's, the configured one, or the default", async () => {
    await ask("talker");
    await ask("usual", { options: { num_ctx: 777 } });
    await ask("bare");
    const lengths = new Map((await running()).map(({ name, context_length: l }) => [name, l]));
    expect(lengths.get("talker:latest")).toBe(1234);
    expect(lengths.get("usual:latest")).toBe(777);
    expect(lengths.get("bare:latest")).toBe(4096);
  });
});

describe("what a backend can't be told", () => {
  const warnings = () => proxy.logs.filter(({ level, ignored }) => level === "warn" && ignored);

  test("is named in a header, and once in the log", async () => {
    const before = warnings().length;
    const odd = { options: { mirostat: 1, temperature: 0 }, unheard_of: 1 };
    for (const stream of [true, false]) {
      const { status, headers } = await ask("bare", { ...odd, stream });
      expect(status).toBe(200);
      expect(headers["x-proxy-ignored"]).toBe("unheard_of, options.mirostat");
    }
    expect(warnings().slice(before)).toMatchObject([
      { model: "bare:latest", ignored: "unheard_of, options.mirostat" },
    ]);
  });

  test("a context that is not ours is named too", async () => {
    const { headers } = await complete("bare", { context: [1, 2, 3] });
    expect(headers["x-proxy-ignored"]).toBe("context");
  });

  test("names can't break the header or the log", async () => {
    const { headers } = await ask("bare", { "a\r\nset-cookie: x": 1, é: 2 });
    expect(headers["x-proxy-ignored"]).toMatch(/^[\w.-]+, [\w.-]+$/);
    expect(headers["set-cookie"]).toBe(undefined);
  });

  test("nothing ignored, no header", async () => {
    const more = { options: { temperature: 0.5, seed: 1, stop: ["x"], num_predict: 5, top_p: 1 } };
    expect((await ask("bare", more)).headers["x-proxy-ignored"]).toBe(undefined);
  });
});

describe("capabilities", () => {
  const tools = [{ type: "function", function: { name: "f", parameters: { type: "object" } } }];

  test.each([
    ["talker", ["completion"]],
    ["thinker", ["completion", "tools", "thinking"]],
    ["embedder", ["embedding"]],
    ["filler", ["completion", "insert"]],
    ["bare", ["completion", "tools", "thinking"]],
  ])("/api/show and /api/tags tell those of %s", async (model, capabilities) => {
    expect((await post("/api/show", { model })).json).toMatchObject({ capabilities });
    const { body } = await call({ port: proxy.port, path: "/api/tags" });
    const { models } = JSON.parse(body) as { models: object[] };
    expect(models).toContainEqual(
      expect.objectContaining({ name: `${model}:latest`, capabilities }),
    );
  });

  test.each<[string, () => ReturnType<typeof post>, string]>([
    ["chat", () => ask("embedder"), '"embedder" does not support chat'],
    ["generate", () => complete("embedder"), '"embedder" does not support generate'],
    [
      "tools",
      () => ask("talker", { tools }),
      "registry.ollama.ai/library/talker:latest does not support tools",
    ],
    ["thinking", () => ask("talker", { think: true }), '"talker" does not support thinking'],
    [
      "thinking of generate",
      () => complete("talker:latest", { think: "high" }),
      '"talker:latest" does not support thinking',
    ],
    [
      "insert",
      () => complete("talker", { suffix: "end" }),
      "registry.ollama.ai/library/talker:latest does not support insert",
    ],
  ])("refused without a word to the backend: %s", async (_, refused, error) => {
    const asked = upstream.requests.length;
    const answer = await refused();
    expect(answer.status).toBe(400);
    expect(answer.json).toEqual({ error });
    expect(upstream.requests).toHaveLength(asked);
  });

  test.each<[string, () => ReturnType<typeof post>]>([
    ["not to think", () => ask("talker", { think: false })],
    ["no tools", () => ask("talker", { tools: [] })],
    ["tools of one that has them", () => ask("thinker", { tools })],
    ["thinking of one that thinks", () => ask("thinker", { think: true })],
    ["insert of one that inserts", () => complete("filler", { suffix: "end" })],
    ["tools of an unknown one", () => ask("bare", { tools })],
    ["thinking of an unknown one", () => ask("bare", { think: true })],
    ["insert of an unknown one", () => complete("bare", { suffix: "end" })],
    ["images of an unknown one", () => complete("bare", { images: ["iVBORw0KGgo="] })],
  ])("taken: %s", async (_, taken) => {
    const asked = upstream.requests.length;
    expect(await taken()).toMatchObject({ status: 200, json: { done: true } });
    expect(upstream.requests).toHaveLength(asked + 1);
  });
});
