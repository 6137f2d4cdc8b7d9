import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { sendRaw } from "../faults/raw-client.ts";
import { until } from "../faults/waiting.ts";
import {
  chunk,
  json,
  sse,
  startScriptedUpstream,
  type RecordedRequest,
  type Script,
  type ScriptedUpstream,
} from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";
import { call } from "./call.ts";

const CREATED = "2026-11-23T09:47:37.883873232Z";
const DETAILS = {
  parent_model: "",
  format: "gguf",
  family: "llama",
  families: ["llama", "clip"],
  parameter_size: "134.52M",
  quantization_level: "Q4_1",
};
const SMOL = {
  name: "smol:latest",
  model: "smol:latest",
  modified_at: "2026-11-23T09:27:13.206531116Z",
  size: 98_362_709,
  digest: "f99682536c58d000f099314953b41e1df45828d68c540ea893b5dacb46d20fe9",
  details: { ...DETAILS, context_length: 8192, embedding_length: 576 },
  capabilities: ["completion", "vision", "tools"],
};
const EMBED = {
  ...SMOL,
  name: "smol-embed:latest",
  model: "smol-embed:latest",
  digest: "be03662f9728703b95d82561216592b33c36f4f449e0430b4806efcc3c9b55e8",
  capabilities: ["embedding"],
};
const RUNNING = {
  name: "smol:latest",
  model: "smol:latest",
  size: 210_690_374,
  digest: SMOL.digest,
  details: DETAILS,
  expires_at: "2319-03-05T09:34:52.721777676Z",
  size_vram: 210_690_000,
  context_length: 4096,
};
const FIGURES =
  '"total_duration":11,"load_duration":2,"prompt_eval_count":3,"prompt_eval_duration":4,"eval_count":5,"eval_duration":6';

/** Spelled as nobody else would, so that a line printed anew is seen. */
const line = (content: string) =>
  `{"model":"smol","created_at":"${CREATED}", "message":{"role":"assistant","content":"${content}"},"done":false}\n`;
const lastLine = `{"model":"smol","created_at":"${CREATED}","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop", ${FIGURES}}\n`;

const NDJSON = { "content-type": "application/x-ndjson" };
const lines = (
  ...steps: Script["steps"] extends Iterable<infer Step> ? Step[] : never
): Script => ({
  headers: NDJSON,
  steps,
});

const USER = [{ role: "user", content: "hi" }];

/** Plays a real Ollama. */
let ollama: ScriptedUpstream;
let cloud: ScriptedUpstream;
let proxy: StartedProxy;

beforeAll(async () => {
  ollama = await startScriptedUpstream({
    lookups: {
      "/api/tags": json(200, { models: [SMOL, EMBED] }),
      "/api/ps": json(200, { models: [RUNNING] }),
    },
  });
  cloud = await startScriptedUpstream({ models: [{ id: "gpt-9" }, { id: "smol" }] });
  cloud.play({ steps: [sse(chunk({ content: "from afar" }), chunk({}, "stop"), "[DONE]")] });
  proxy = await startProxy({
    config: {
      upstreams: [
        {
          id: "local",
          kind: "ollama",
          base_url: ollama.baseUrl.replace("/v1", ""),
          api_key: "sk-CANARY-local",
          rename: { "smol-embed:latest": "vectors" },
        },
        { id: "cloud", base_url: cloud.baseUrl },
      ],
    },
  });
});
afterAll(async () => {
  await proxy.close();
  await ollama.close();
  await cloud.close();
});
beforeEach(() => {
  ollama.requests.length = 0;
});

const post = (path: string, body: object, headers: Record<string, string> = {}) =>
  call({ port: proxy.port, path, headers, body: JSON.stringify(body) });

function asked(): RecordedRequest {
  const request = ollama.requests.at(-1);
  if (request === undefined) throw new Error("the Ollama was not asked");
  return request;
}

describe("the list", () => {
  test("has the entries of the Ollama as they are, and the other backend's", async () => {
    const { body } = await call({ port: proxy.port, path: "/api/tags" });
    const { models } = JSON.parse(body) as { models: { name: string }[] };
    expect(models.slice(0, 2)).toEqual([
      SMOL,
      { ...EMBED, name: "vectors:latest", model: "vectors:latest" },
    ]);
    expect(models.map(({ name }) => name).slice(2)).toEqual(["gpt-9:latest"]);
  });

  test("leaves the other backend's models to it", async () => {
    const answer = await post("/api/chat", { model: "gpt-9", messages: USER, stream: false });
    expect(JSON.parse(answer.body)).toMatchObject({ message: { content: "from afar" } });
    expect(ollama.requests).toEqual([]);
  });
});

describe("what is asked", () => {
  beforeEach(() => ollama.play(lines(lastLine)));

  test("is the client's bytes, on the same path, with our key and not the client's", async () => {
    const body = `{ "Model" : "SMOL:latest", "messages": [{"role":"user","content":"\\u00e9"}],
      "options": {"seed": 12345678901234567890, "new_option": 1.0}, "unheard": null }`;
    await call({
      port: proxy.port,
      path: "/api/chat",
      headers: { authorization: "Bearer of-the-client", accept: "text/event-stream" },
      body,
    });
    expect(asked()).toMatchObject({ method: "POST", path: "/api/chat", body });
    expect(asked().headers).toMatchObject({
      authorization: "Bearer sk-CANARY-local",
      accept: "application/x-ndjson",
      "content-type": "application/json",
    });
  });

  test("names a renamed model as the Ollama does, and the answer as the client did", async () => {
    const figures = { total_duration: 3, load_duration: 1, prompt_eval_count: 1 };
    const vectors = { embeddings: [[1, 0]], ...figures };
    ollama.play(json(200, { model: "smol-embed:latest", ...vectors }));
    const answer = await post("/api/embed", { model: "vectors", input: ["a"], keep_alive: "5m" });
    expect(JSON.parse(asked().body)).toEqual({
      model: "smol-embed:latest",
      input: ["a"],
      keep_alive: "5m",
    });
    expect(answer.body).toBe(JSON.stringify({ model: "vectors", ...vectors }));
  });

  test.each([
    ["/v1/chat/completions", { messages: USER }],
    ["/v1/embeddings", { input: "a" }],
    ["/v1/responses", { input: "a" }],
    ["/v1/messages", { messages: USER, max_tokens: 1 }],
  ])("is %s on its own /v1", async (path, more) => {
    const answer = json(200, { id: "x", choices: [{ message: { content: "hi" } }] });
    ollama.play(answer);
    expect(await post(path, { model: "smol", ...more })).toMatchObject({ status: 200 });
    expect(asked().path).toBe(path);
    expect(JSON.parse(asked().body)).toMatchObject({ model: "smol:latest", ...more });
  });
});

describe("a stream", () => {
  const bytes = [
    line("caf\\u00e9"),
    line("").replace('""', '"","thinking":"hm"'),
    line("é €"),
    lastLine,
  ].join("");

  test("comes unchanged, however it is cut", async () => {
    for (const size of [1, 7, 64, 10_000]) {
      const whole = Buffer.from(bytes);
      const pieces = Array.from({ length: Math.ceil(whole.length / size) }, (_, index) =>
        whole.subarray(index * size, (index + 1) * size),
      );
      ollama.play(lines(...pieces));
      const answer = await post("/api/chat", { model: "smol", messages: USER });
      expect(answer).toMatchObject({ status: 200, body: bytes });
      expect(answer.headers["content-type"]).toBe("application/x-ndjson");
    }
  });

  test("without a line feed at its end is complete", async () => {
    ollama.play(lines(line("a"), lastLine.trim()));
    const { body } = await post("/api/chat", { model: "smol", messages: USER });
    expect(body).toBe(line("a") + lastLine);
  });

  test("is framed as events for a client that prefers those", async () => {
    ollama.play(lines(bytes));
    const headers = { accept: "text/event-stream" };
    const answer = await post("/api/chat", { model: "smol", messages: USER }, headers);
    expect(answer.headers["content-type"]).toBe("text/event-stream");
    expect(answer.body).toBe(bytes.replaceAll(/^(.+)\n/gm, "data: $1\n\n"));
  });

  test("comes line by line", async () => {
    ollama.play(lines(line("a"), { wait: 60_000 }));
    const client = sendRaw({
      port: proxy.port,
      path: "/api/chat",
      body: { model: "smol", messages: USER },
    });
    await until("the first line is there", () => client.received().includes(line("a")));
    client.socket.destroy();
    await until("the Ollama sees the client leave", () => asked().closedAt !== undefined);
    await expect
      .poll(() => proxy.logs.at(-1))
      .toMatchObject({ outcome: "client_closed", upstream: "local" });
  });

  test.each([
    ["cut", { destroy: true as const }],
    ["ended early", ""],
  ])("that is %s ends with our error object", async (_, step) => {
    ollama.play(lines(line("a"), step));
    const { status, body } = await post("/api/chat", { model: "smol", messages: USER });
    const [first, last, ...more] = body.trimEnd().split("\n");
    expect(status).toBe(200);
    expect(`${first}\n`).toBe(line("a"));
    expect(JSON.parse(last ?? "")).toMatchObject({
      model: "smol",
      message: { role: "assistant", content: "" },
      done: true,
      done_reason: "error",
      error: expect.stringMatching(/^an error was encountered while running the model: /) as string,
    });
    expect(more).toEqual([]);
    await expect.poll(() => proxy.logs.at(-1)).toMatchObject({ outcome: "failed" });
  });

  test("keeps the Ollama's own last words", async () => {
    const words = "llama runner process has terminated: <GPU>";
    ollama.play(lines(line("a"), `${JSON.stringify({ error: words })}\n`));
    const { body } = await post("/api/chat", { model: "smol", messages: USER });
    expect(JSON.parse(body.slice(line("a").length))).toMatchObject({
      model: "smol",
      done: true,
      done_reason: "error",
      error: words,
    });
    await expect.poll(() => proxy.logs.at(-1)).toMatchObject({ outcome: "failed" });
  });

  test("that begins with an error is refused", async () => {
    ollama.play(lines('{"error":"no room"}\n'));
    const answer = await post("/api/generate", { model: "smol", prompt: "a" });
    expect(answer).toMatchObject({ status: 502, body: '{"error":"no room"}' });
  });

  test("of no JSON is refused", async () => {
    ollama.play(lines("<html>\n"));
    const answer = await post("/api/chat", { model: "smol", messages: USER });
    expect(answer.status).toBe(502);
    expect(JSON.parse(answer.body)).toEqual({
      error: 'upstream "local" returned an invalid response',
    });
  });
});

describe("an answer in one piece", () => {
  const whole = lastLine.trim();

  test.each([
    ["/api/chat", { messages: USER, stream: false }],
    ["/api/generate", { prompt: "a", stream: false }],
  ])("of %s comes unchanged", async (path, more) => {
    const body =
      path === "/api/chat" ? whole : whole.replace(/"message":\{.*?\}/, '"response":"x"');
    ollama.play({ headers: { "content-type": "application/json; charset=utf-8" }, steps: [body] });
    const answer = await post(path, { model: "smol", ...more });
    expect(answer).toMatchObject({ status: 200, body });
    expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8");
  });

  test.each([
    ["/api/chat", { messages: [], keep_alive: 0 }, '"message":{"role":"assistant","content":""}'],
    ["/api/generate", { prompt: "" }, '"response":""'],
  ])("of a request to %s that only loads is no stream", async (path, more, said) => {
    const body = `{"model":"smol","created_at":"${CREATED}",${said},"done":true,"done_reason":"load"}`;
    ollama.play(json(200, JSON.parse(body)));
    const answer = await post(path, { model: "smol", ...more });
    expect(answer).toMatchObject({ status: 200, body });
    expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8");
  });

  test("of /api/show is the Ollama's", async () => {
    const card = {
      modelfile: "FROM smol",
      template: "{{ .Prompt }}",
      details: DETAILS,
      model_info: { "general.architecture": "llama", "llama.context_length": 8192 },
      capabilities: ["completion"],
      modified_at: SMOL.modified_at,
      license: "MIT",
      parameters: 'stop "a"',
    };
    ollama.play(json(200, card));
    const answer = await post("/api/show", { name: "SMOL", verbose: true });
    expect(JSON.parse(asked().body)).toEqual({ name: "SMOL", verbose: true });
    expect(JSON.parse(answer.body)).toEqual(card);
  });
});

describe("a card while the Ollama does not answer", () => {
  test.each<[string, Script]>([
    ["gone", { steps: [{ reset: true }] }],
    ["cut off", { headers: { "content-type": "application/json" }, steps: [{ destroy: true }] }],
    ["no JSON", { headers: { "content-type": "text/html" }, steps: ["<html>"] }],
    ["empty", { headers: { "content-type": "application/json" }, steps: [] }],
  ])("(%s) is ours", async (_, script) => {
    ollama.play(script);
    const answer = await post("/api/show", { model: "smol" });
    expect(asked().path).toBe("/api/show");
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toMatchObject({
      details: DETAILS,
      capabilities: SMOL.capabilities,
      model_info: { "llama.context_length": 8192 },
      modified_at: SMOL.modified_at,
    });
  });
});

describe("refusals", () => {
  test.each([
    ["/api/chat", 400, '"smol" does not support thinking'],
    ["/api/generate", 404, "model 'smol' not found"],
    ["/api/embed", 400, "the input length exceeds the context length"],
    ["/api/show", 500, "registry.ollama.ai/library/smol is broken"],
    ["/api/chat", 429, "too many requests"],
    ["/api/chat", 503, "server busy, please try again.  maximum pending requests exceeded"],
  ])("of %s keep their status %i and their text", async (path, status, error) => {
    ollama.play(json(status, { error }));
    const answer = await post(path, { model: "smol", messages: USER, prompt: "a", input: "a" });
    expect(answer).toMatchObject({ status, body: JSON.stringify({ error }) });
  });

  test("of our key are no question to the client", async () => {
    ollama.play(json(401, { error: "unauthorized" }));
    expect(await post("/api/chat", { model: "smol", messages: USER })).toMatchObject({
      status: 502,
      body: '{"error":"upstream \\"local\\" rejected the proxy\'s credentials"}',
    });
  });

  test("of a model that nobody has are ours", async () => {
    const { status, body } = await post("/api/chat", { model: "nope", messages: USER });
    expect({ status, body }).toEqual({ status: 404, body: '{"error":"model \'nope\' not found"}' });
    expect(ollama.requests).toEqual([]);
  });
});

describe("a virtual model over it", () => {
  beforeAll(async () => {
    const made = await post("/api/create", {
      model: "tim",
      from: "smol",
      stream: false,
      system: "You are Tim.",
      template: "T {{ .Prompt }}",
      parameters: { temperature: 0.5, num_ctx: 512 },
      messages: [{ role: "user", content: "who?" }],
    });
    expect(made.status).toBe(200);
  });

  test("brings its system text, messages and parameters into a chat", async () => {
    ollama.play(lines(lastLine.replace('"smol"', '"smol:latest"')));
    const body = { model: "tim", messages: USER, options: { num_ctx: 99, top_k: null } };
    const answer = await post("/api/chat", body);
    expect(JSON.parse(asked().body)).toEqual({
      model: "smol:latest",
      messages: [
        { role: "system", content: "You are Tim." },
        { role: "user", content: "who?" },
        ...USER,
      ],
      options: { temperature: 0.5, num_ctx: 99 },
    });
    expect(answer.body).toBe(lastLine.replace('"smol"', '"tim"'));
    expect(answer.headers["x-proxy-ignored"]).toBe("template");
  });

  test("leaves the client's own system text alone", async () => {
    ollama.play(lines(lastLine));
    const messages = [{ role: "system", content: "Be brief." }, ...USER];
    await post("/api/chat", { model: "tim", messages });
    const { messages: sent } = JSON.parse(asked().body) as { messages: object[] };
    expect(sent).toEqual([{ role: "user", content: "who?" }, ...messages]);
  });

  test.each([
    [{}, { system: "You are Tim.", template: "T {{ .Prompt }}" }, "messages"],
    [{ system: "S", template: "U" }, { system: "S", template: "U" }, "messages"],
    [{ context: [1] }, { system: "You are Tim.", template: "T {{ .Prompt }}" }, undefined],
    [{ raw: true }, { raw: true }, undefined],
  ])("and into a generate request %j", async (more, sent, ignored) => {
    ollama.play(lines(lastLine.replace(/"message":\{.*?\}/, '"response":""')));
    const answer = await post("/api/generate", { model: "tim", prompt: "hi", ...more });
    expect(JSON.parse(asked().body)).toEqual({
      model: "smol:latest",
      prompt: "hi",
      options: { temperature: 0.5, num_ctx: 512 },
      ...more,
      ...sent,
    });
    expect(answer.headers["x-proxy-ignored"]).toBe(ignored);
  });

  test("is shown as it was made", async () => {
    const { body } = await post("/api/show", { model: "tim" });
    expect(JSON.parse(body)).toMatchObject({
      system: "You are Tim.",
      details: { family: "llama" },
    });
    expect(ollama.requests).toEqual([]);
  });

  test("is listed by ps while its base is loaded", async () => {
    ollama.play(lines(lastLine));
    await post("/api/chat", { model: "tim", messages: USER, keep_alive: "2h" });
    const { body } = await call({ port: proxy.port, path: "/api/ps" });
    const { models } = JSON.parse(body) as { models: Record<string, unknown>[] };
    expect(models.find(({ name }) => name === "tim:latest")).toMatchObject({
      size: RUNNING.size,
      size_vram: RUNNING.size_vram,
      expires_at: RUNNING.expires_at,
      context_length: RUNNING.context_length,
    });
    expect(models.find(({ name }) => name === "tim:latest")?.["digest"]).not.toBe(SMOL.digest);
  });
});

describe("its models", () => {
  test("are deleted and copied there", async () => {
    ollama.play({ headers: {}, steps: [] });
    const copied = await post("/api/copy", { source: "smol", destination: "other" });
    expect(copied).toMatchObject({ status: 200, body: "" });
    expect(asked()).toMatchObject({ method: "POST", path: "/api/copy" });
    expect(JSON.parse(asked().body)).toEqual({ source: "smol:latest", destination: "other" });

    const body = JSON.stringify({ model: "vectors" });
    const removed = await call({
      port: proxy.port,
      path: "/api/delete",
      method: "DELETE",
      headers: { "content-length": String(body.length) },
      body,
    });
    expect(removed).toMatchObject({ status: 200, body: "" });
    expect(asked()).toMatchObject({ method: "DELETE", path: "/api/delete" });
    expect(JSON.parse(asked().body)).toEqual({ model: "smol-embed:latest" });
  });

  test.each(["local/smol", "SMOL:latest"])("are not deleted under a model of %s", async (from) => {
    const gone = (model: string) => {
      const body = JSON.stringify({ model });
      const headers = { "content-length": String(body.length) };
      return call({ port: proxy.port, path: "/api/delete", method: "DELETE", headers, body });
    };
    await post("/api/create", { model: "upon", from, stream: false });
    ollama.requests.length = 0;
    for (const name of ["smol", "local/smol", "smol:latest"]) {
      const refused = await gone(name);
      expect(refused.status).toBe(400);
      expect(refused.body).toMatch(/'.*' can't be deleted: .*upon:latest/);
    }
    expect(ollama.requests).toEqual([]);
    expect(await gone("upon")).toMatchObject({ status: 200 });
  });

  test("are pulled there, with its progress", async () => {
    const statuses = [
      { status: "pulling manifest" },
      { status: "pulling 0123456789ab", digest: `sha256:${SMOL.digest}`, total: 9 },
      {
        status: "pulling 0123456789ab",
        digest: `sha256:${SMOL.digest}`,
        total: 9,
        completed: 9,
      },
      { status: "verifying sha256 digest" },
      { status: "success" },
    ].map((status) => `${JSON.stringify(status)}\n`);
    ollama.play(lines(...statuses));
    const lookups = ollama.lookups.filter(({ path }) => path === "/api/tags").length;
    const answer = await post("/api/pull", { model: "new-one" });
    expect(answer).toMatchObject({ status: 200, body: statuses.join("") });
    expect(asked()).toMatchObject({ path: "/api/pull", body: '{"model":"new-one"}' });
    expect(ollama.lookups.filter(({ path }) => path === "/api/tags").length).toBeGreaterThan(
      lookups,
    );
  });

  test("that can't be pulled are told in its words", async () => {
    const words = "pull model manifest: file does not exist";
    ollama.play(lines('{"status":"pulling manifest"}\n', `${JSON.stringify({ error: words })}\n`));
    const { body } = await post("/api/pull", { model: "local/nope" });
    expect(body).toBe(`{"status":"pulling manifest"}\n${JSON.stringify({ error: words })}\n`);
    expect(asked().body).toBe('{"model":"nope"}');
  });

  test("are no longer pulled when the client leaves", async () => {
    ollama.play(lines('{"status":"pulling 0123456789ab"}\n', { hang: true }));
    const client = sendRaw({ port: proxy.port, path: "/api/pull", body: { model: "new-one" } });
    await until("the progress is there", () => client.received().includes("pulling 0123"));
    client.socket.destroy();
    await until("the Ollama sees the client leave", () => asked().closedAt !== undefined);
  });
});
