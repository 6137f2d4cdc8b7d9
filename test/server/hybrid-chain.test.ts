import { Ollama, type ChatResponse } from "ollama";
import { afterAll, beforeAll, expect, test } from "vitest";
import { collect, png, weatherTool } from "../clients/proxied.ts";
import { sendRaw } from "../faults/raw-client.ts";
import { until } from "../faults/waiting.ts";
import {
  chunk,
  json,
  sse,
  startScriptedUpstream,
  type ScriptedUpstream,
} from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";
import { call } from "./call.ts";

/** A proxy before a proxy that plays the Ollama before the one backend. */
let backend: ScriptedUpstream;
let inner: StartedProxy;
let outer: StartedProxy;
/** The same client for both: what they say must be the same. */
let direct: Ollama;
let client: Ollama;

beforeAll(async () => {
  backend = await startScriptedUpstream({ models: [{ id: "m" }, { id: "e" }, { id: "plain" }] });
  inner = await startProxy({
    upstreamUrl: backend.baseUrl,
    config: {
      models: {
        m: { capabilities: ["completion", "tools", "vision", "thinking"], context_length: 32_768 },
        e: { capabilities: ["embedding"] },
        plain: { capabilities: ["completion"] },
      },
    },
  });
  outer = await startProxy({
    config: { upstreams: [{ id: "local", kind: "ollama", base_url: inner.url }] },
  });
  direct = new Ollama({ host: inner.url });
  client = new Ollama({ host: outer.url });
});
afterAll(async () => {
  await outer.close();
  await inner.close();
  await backend.close();
});

const messages = [{ role: "user", content: "hi" }];
const said = sse(
  chunk({ reasoning_content: "hm" }),
  chunk({ content: "one " }),
  chunk({ content: "two" }),
  chunk({}, "stop", { usage: { prompt_tokens: 7, completion_tokens: 3 } }),
  "[DONE]",
);

function sent(): { model: string; messages: object[]; [field: string]: unknown } {
  return JSON.parse(backend.requests.at(-1)?.body ?? "{}") as ReturnType<typeof sent>;
}

/** Without what is of one moment. */
const lasting = (part: ChatResponse) => [part.model, part.message, part.done, part.done_reason];

test("the list and the card are the Ollama's", async () => {
  expect(await client.list()).toEqual(await direct.list());
  expect(await client.show({ model: "m" })).toEqual(await direct.show({ model: "m" }));
});

test("a chat streams", async () => {
  backend.play({ steps: [said] });
  const request = { model: "m", messages, stream: true as const, think: true };
  const parts = await collect(await client.chat(request));
  expect(parts.map(lasting)).toEqual((await collect(await direct.chat(request))).map(lasting));
  expect(parts.map(({ message }) => message.content).join("")).toBe("one two");
  expect(parts.at(-1)).toMatchObject({ done_reason: "stop", prompt_eval_count: 7, eval_count: 3 });
});

test("and comes in one piece", async () => {
  backend.play({ steps: [said] });
  const answer = await client.chat({ model: "M:latest", messages, think: true });
  expect(answer).toMatchObject({
    model: "M:latest",
    message: { role: "assistant", content: "one two", thinking: "hm" },
    done: true,
  });
});

test("so does text", async () => {
  backend.play({ steps: [said] });
  const answer = await client.generate({ model: "m", prompt: "hi", system: "S" });
  expect(answer).toMatchObject({ response: "one two", done: true });
  const more = await client.generate({ model: "m", prompt: "more", context: answer.context });
  expect(more.response).toBe("one two");
  expect(sent().messages).toEqual([
    { role: "system", content: "S" },
    { role: "user", content: "hi" },
    { role: "assistant", content: "one two" },
    { role: "user", content: "more" },
  ]);
});

test("tools are called", async () => {
  const called = {
    tool_calls: [
      {
        index: 0,
        id: "call_1",
        type: "function",
        function: { name: "get_weather", arguments: '{"city":"Ulm"}' },
      },
    ],
  };
  backend.play({ steps: [sse(chunk(called), chunk({}, "tool_calls"), "[DONE]")] });
  const answer = await client.chat({ model: "m", messages, tools: [weatherTool] });
  expect(answer.message.tool_calls).toMatchObject([
    { function: { name: "get_weather", arguments: { city: "Ulm" } } },
  ]);
  expect(sent()["tools"]).toEqual([weatherTool]);
});

test("images are seen", async () => {
  backend.play({ steps: [said] });
  await client.chat({
    model: "m",
    messages: [{ role: "user", content: "what?", images: [png] }],
  });
  expect(JSON.stringify(sent().messages)).toContain(`data:image/png;base64,${png}`);
});

test("texts are embedded, on both routes", async () => {
  const data = [{ index: 0, embedding: [3, 4] }];
  backend.play(json(200, { data, usage: { prompt_tokens: 2 } }));
  const answer = await client.embed({ model: "e", input: "hi" });
  expect(answer).toMatchObject({ model: "e", embeddings: [[0.6, 0.8]], prompt_eval_count: 2 });
  expect(await client.embeddings({ model: "e", prompt: "hi" })).toEqual({ embedding: [3, 4] });
});

test("what runs is what the Ollama says", async () => {
  await client.generate({ model: "m", prompt: "", keep_alive: "2h" });
  const { models } = await client.ps();
  expect(models.map(({ name }) => name)).toContain("m:latest");
  const own = (await direct.ps()).models;
  const undated = (rows: typeof own) => rows.map((row) => ({ ...row, expires_at: "" }));
  expect(undated(models)).toEqual(undated(own));
  for (const [place, { expires_at }] of models.entries()) {
    const other = new Date(own[place]?.expires_at ?? 0);
    expect(Math.abs(new Date(expires_at).getTime() - other.getTime())).toBeLessThan(1_000);
  }
  await direct.generate({ model: "plain", prompt: "", keep_alive: "3h" });
  await client.generate({ model: "m", prompt: "", keep_alive: 0 });
  const left = (await client.ps()).models.map(({ name }) => name);
  expect(left).toContain("plain:latest");
  expect(left).not.toContain("m:latest");
});

test.each([
  [
    "a tool for a model without",
    () => client.chat({ model: "plain", messages, tools: [weatherTool] }),
  ],
  ["no vectors", () => client.embed({ model: "plain", input: "hi" })],
  ["a bad format", () => client.chat({ model: "m", messages, format: "yaml" })],
])("a refusal is the Ollama's: %s", async (_, ask) => {
  const error: unknown = await ask().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ status_code: 400 });
  expect((error as Error).message).toMatch(/does not support|invalid format/);
});

test("a backend's refusal comes through both", async () => {
  backend.play(json(400, { error: { message: "this is no poem" } }));
  await expect(client.chat({ model: "m", messages })).rejects.toMatchObject({
    status_code: 400,
    message: "this is no poem",
  });
});

test("an answer that breaks tells so once", async () => {
  backend.play({ steps: [sse(chunk({ content: "one " })), { destroy: true }] });
  const broken = client
    .chat({ model: "m", messages, stream: true })
    .then((answer) => collect(answer));
  const text = "an error was encountered while running the model: unexpected EOF";
  await expect(broken).rejects.toThrow(text);
});

test("a client that leaves is seen by the last backend", async () => {
  backend.play({ steps: [sse(chunk({ content: "one " })), { hang: true }] });
  const leaving = sendRaw({ port: outer.port, path: "/api/chat", body: { model: "m", messages } });
  await until("the answer has begun", () => leaving.received().includes("one "));
  leaving.socket.destroy();
  await until("the backend sees it", () => backend.requests.at(-1)?.closedAt !== undefined, 1_000);
});

test("a client that reads slowly slows the last backend down", async () => {
  const text = "x".repeat(16 * 1024);
  const steps = (function* endless() {
    for (;;) yield sse(chunk({ content: text }));
  })();
  backend.play({ steps });
  const slow = sendRaw({ port: outer.port, path: "/api/chat", body: { model: "m", messages } });
  await until("the answer has begun", () => slow.received().length > 0);
  slow.socket.pause();
  let before = -1;
  let since = 0;
  const isStill = () => {
    if (backend.bytesSent() !== before) since = performance.now();
    before = backend.bytesSent();
    return performance.now() - since > 200;
  };
  await until("the backend waits", isStill, 10_000);
  slow.socket.destroy();
  await until("the backend sees it", () => backend.requests.at(-1)?.closedAt !== undefined, 5_000);
});

test("a virtual model stands over it", async () => {
  backend.play({ steps: [said] });
  await client.create({
    model: "tim",
    from: "m",
    system: "You are Tim.",
    parameters: { temperature: 0.25 },
    messages: [{ role: "user", content: "who?" }],
  });
  const answer = await client.chat({ model: "tim", messages });
  expect(answer).toMatchObject({ model: "tim", message: { content: "one two" } });
  expect(sent()).toMatchObject({
    model: "m",
    temperature: 0.25,
    messages: [
      { role: "system", content: "You are Tim." },
      { role: "user", content: "who?" },
      ...messages,
    ],
  });
  expect((await direct.list()).models.map(({ name }) => name)).not.toContain("tim:latest");
});

test("and is known on /v1", async () => {
  backend.play({ steps: [said] });
  const body = JSON.stringify({ model: "tim", messages, stream: true });
  const answer = await call({ port: outer.port, path: "/v1/chat/completions", body });
  expect(answer.body).toBe(said);
  expect(sent()).toMatchObject({ model: "m", temperature: 0.25 });
  expect(sent().messages[0]).toEqual({ role: "system", content: "You are Tim." });
});
