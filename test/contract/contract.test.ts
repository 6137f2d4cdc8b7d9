import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkContract, description } from "../support/contract.ts";
import { checkStream, parseNdjson, parseSse } from "../support/ndjson.ts";
import {
  chunk,
  json,
  sse,
  startScriptedUpstream,
  type Script,
  type ScriptedUpstream,
} from "../support/scripted-upstream.ts";
import { startProxy } from "../support/start-proxy.ts";

let upstream: ScriptedUpstream;
let proxy: Awaited<ReturnType<typeof startProxy>>;

beforeAll(async () => {
  upstream = await startScriptedUpstream({
    models: [
      { id: "m", object: "model", created: 1_700_000_000, owned_by: "test" },
      { id: "org/bare" },
    ],
  });
  proxy = await startProxy({ upstreamUrl: upstream.baseUrl });
});
afterAll(async () => {
  await proxy.close();
  await upstream.close();
});

interface Asked {
  method: string;
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
}

/** Asks and checks each object; the answer is the kinds of the objects, and the text. */
async function ask({ method, path, body, headers }: Asked) {
  const answer = await fetch(proxy.url + path, {
    method,
    headers: { "content-type": "application/json", ...headers },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const { status } = answer;
  const contentType = answer.headers.get("content-type") ?? "";
  const text = await answer.text();
  return { status, text, kinds: checkContract({ method, path, status, contentType, text }) };
}

const USAGE = { choices: [], usage: { prompt_tokens: 7, completion_tokens: 3 } };
const CALL = { id: "call_1", type: "function", function: { name: "f", arguments: '{"a":null}' } };
const LOGPROB = { token: "a", logprob: -0.5, bytes: [97] };

function stream(finish: string, ...deltas: object[]): Script {
  const lines = deltas.map((delta) => chunk(delta));
  return { steps: [sse(...lines, chunk({}, finish), chunk(null, null, USAGE), "[DONE]")] };
}

/** What a backend can say. */
const said: Record<string, { script: Script }> = {
  text: { script: stream("stop", { content: "a" }, { content: "b" }) },
  "text cut by the limit": { script: stream("length", { content: "a" }) },
  "no text": { script: stream("stop") },
  thinking: { script: stream("stop", { reasoning_content: "t" }, { content: "a" }) },
  tools: {
    script: stream(
      "tool_calls",
      { tool_calls: [{ index: 0, ...CALL }] },
      { tool_calls: [{ index: 1, ...CALL, id: "call_2" }] },
    ),
  },
  "text, thinking and tools": {
    script: stream(
      "stop",
      { reasoning: "t" },
      { content: "a" },
      { tool_calls: [{ index: 0, ...CALL }] },
    ),
  },
  "log probabilities": {
    script: {
      steps: [
        sse(
          chunk({}, null, {
            choices: [
              {
                index: 0,
                delta: { content: "a" },
                logprobs: { content: [{ ...LOGPROB, top_logprobs: [LOGPROB] }] },
                finish_reason: "stop",
              },
            ],
          }),
        ),
      ],
    },
  },
  "no usage": { script: { steps: [sse(chunk({ content: "a" }, "stop"), "[DONE]")] } },
  "a whole answer": {
    script: json(200, {
      object: "chat.completion",
      choices: [{ index: 0, message: { content: "a" }, finish_reason: "stop" }],
    }),
  },
};

const failures: Record<string, { script: Script; status: number; kind: "end" | "error" }> = {
  "a refusal": {
    script: json(429, { error: { message: "slow down" } }),
    status: 429,
    kind: "error",
  },
  "a page": {
    script: { status: 502, headers: { "content-type": "text/html" }, steps: ["<html>"] },
    status: 502,
    kind: "error",
  },
  "a reset": { script: { raw: true, steps: [{ reset: true }] }, status: 502, kind: "error" },
  "an error as first event": {
    script: { steps: [sse({ error: { message: "boom", code: 503 } })] },
    status: 503,
    kind: "error",
  },
  "a cut in the stream": {
    script: { steps: [sse(chunk({ content: "a" })), { wait: 20 }, { destroy: true }] },
    status: 502,
    kind: "end",
  },
  "an error in the stream": {
    script: { steps: [sse(chunk({ content: "a" })), sse({ error: { message: "boom" } })] },
    status: 502,
    kind: "end",
  },
};

const routes = {
  chat: { model: "m", messages: [{ role: "user", content: "Hi" }], logprobs: true },
  generate: { model: "m", prompt: "Hi", logprobs: true },
} as const;

describe.each(Object.entries(routes))("/api/%s", (route, body) => {
  const kind = route === "chat" ? "chat" : "generate";
  const path = `/api/${route}`;
  const line = `${route} line`;

  test.each(Object.entries(said))("streams %s", async (_name, { script }) => {
    upstream.play(script);
    const { text, kinds } = await ask({ method: "POST", path, body });
    expect(kinds.at(-1)).toBe(`${route} end`);
    expect(new Set(kinds.slice(0, -1))).toEqual(new Set(kinds.length > 1 ? [line] : []));
    checkStream(parseNdjson(text), kind);
  });

  test.each(Object.entries(said))("says %s as events", async (_name, { script }) => {
    upstream.play(script);
    const headers = { accept: "text/event-stream" };
    const { text, kinds } = await ask({ method: "POST", path, body, headers });
    expect(kinds.at(-1)).toBe(`${route} end`);
    checkStream(parseSse(text).events, kind);
  });

  test.each(Object.entries(said))("says %s in one object", async (_name, { script }) => {
    upstream.play(script);
    const { kinds } = await ask({ method: "POST", path, body: { ...body, stream: false } });
    expect(kinds).toEqual([`${route} answer`]);
  });

  test.each(Object.entries(failures))("streams %s", async (_name, failure) => {
    upstream.play(failure.script);
    const { status, text, kinds } = await ask({ method: "POST", path, body });
    if (failure.kind === "error") {
      expect([status, kinds]).toEqual([failure.status, ["error"]]);
    } else {
      expect([status, kinds]).toEqual([200, [line, `${route} failure`]]);
      checkStream(parseNdjson(text), kind);
    }
  });

  test.each(Object.entries(failures))("without a stream: %s", async (_name, failure) => {
    upstream.play(failure.script);
    const { status, kinds } = await ask({ method: "POST", path, body: { ...body, stream: false } });
    expect([status, kinds]).toEqual([failure.status, ["error"]]);
  });

  test.each([{}, { stream: false }, { keep_alive: 0 }, { keep_alive: "0s", stream: true }])(
    "loads and unloads with %j",
    async (extra) => {
      const { kinds } = await ask({ method: "POST", path, body: { model: "m", ...extra } });
      expect(kinds).toEqual([`${route} load`]);
    },
  );

  test.each<[name: string, body: unknown, status: number]>([
    ["unknown model", { ...body, model: "nobody" }, 404],
    ["no body", undefined, 400],
    ["broken body", "{bad", 400],
    ["wrong type", { ...body, stream: "yes" }, 400],
    ["bad format", { ...body, format: "xml" }, 400],
  ])("refuses: %s", async (_name, bad, status) => {
    const answer = await ask({ method: "POST", path, body: bad });
    expect([answer.status, answer.kinds]).toEqual([status, ["error"]]);
  });
});

describe("embeddings", () => {
  const vector = { index: 0, embedding: [3, 4] };
  const body = { model: "m", input: "a", prompt: "a" };

  test.each<[path: string, kind: string]>([
    ["/api/embed", "embed"],
    ["/api/embeddings", "embeddings"],
  ])("%s", async (path, kind) => {
    upstream.play(json(200, { data: [vector] }));
    expect((await ask({ method: "POST", path, body })).kinds).toEqual([kind]);
    const nothing = await ask({ method: "POST", path, body: { model: "m" } });
    expect(nothing.kinds).toEqual([kind]);
    upstream.play(json(400, { error: { message: "no" } }));
    const refused = await ask({ method: "POST", path, body });
    expect([refused.status, refused.kinds]).toEqual([400, ["error"]]);
    const unknown = await ask({ method: "POST", path, body: { ...body, model: "nobody" } });
    expect([unknown.status, unknown.kinds]).toEqual([404, ["error"]]);
  });
});

describe("models", () => {
  test.each<[method: string, path: string, kind: string]>([
    ["GET", "/api/version", "version"],
    ["GET", "/api/tags", "tags"],
    ["GET", "/api/tags/?x=1", "tags"],
    ["GET", "/api/status", "cloud status"],
    ["GET", "/api/experimental/model-recommendations", "recommendations"],
    ["GET", "/v1/models", "openai models"],
    ["GET", "/v1/models/m", "openai model"],
  ])("%s %s", async (method, path, kind) => {
    expect((await ask({ method, path })).kinds).toEqual([kind]);
  });

  test.each(["m", "m:latest", "org/bare"])("the card of %s is complete", async (model) => {
    const { text, kinds } = await ask({ method: "POST", path: "/api/show", body: { model } });
    expect(kinds).toEqual(["show"]);
    // Ollama may leave these out; its own tests and several clients don't take that well.
    for (const field of ["license", "modelfile", "parameters", "template"]) {
      expect(JSON.parse(text)).toHaveProperty(field, expect.stringMatching(/./u));
    }
  });

  test("a running model", async () => {
    await ask({ method: "POST", path: "/api/generate", body: { model: "m" } });
    const { text, kinds } = await ask({ method: "GET", path: "/api/ps" });
    expect(kinds).toEqual(["ps"]);
    expect(JSON.parse(text)).toMatchObject({ models: [{ name: "m:latest" }] });
  });

  test("an unknown model", async () => {
    const body = { model: "nobody" };
    const { status, kinds } = await ask({ method: "POST", path: "/api/show", body });
    expect([status, kinds]).toEqual([404, ["error"]]);
  });
});

describe("work that tells of itself", () => {
  const parts = { model: "made", from: "m", system: "Hi", parameters: { seed: 1 } };
  const made = ["status", "status", "status", "status", "status"];

  test.each<[path: string, body: object, kinds: string[]]>([
    ["/api/create", parts, made],
    ["/api/create", { ...parts, from: "nobody" }, ["status", "error"]],
    ["/api/pull", { model: "m" }, ["status", "status"]],
    ["/api/pull", { model: "nobody" }, ["status", "error"]],
    ["/api/push", { model: "m" }, ["status", "error"]],
    ["/api/push", { model: "nobody" }, ["status", "status", "error"]],
  ])("%s %j", async (path, body, kinds) => {
    expect((await ask({ method: "POST", path, body })).kinds).toEqual(kinds);
    const headers = { accept: "text/event-stream" };
    expect((await ask({ method: "POST", path, body, headers })).kinds).toEqual(kinds);
    const whole = await ask({ method: "POST", path, body: { ...body, stream: false } });
    expect(whole.kinds).toEqual(kinds.slice(-1));
  });
});

describe("/v1", () => {
  const path = "/v1/chat/completions";
  const body = { model: "m", messages: [] };

  test("streams and answers", async () => {
    upstream.play(stream("stop", { content: "a" }));
    const streamed = await ask({ method: "POST", path, body: { ...body, stream: true } });
    expect(new Set(streamed.kinds)).toEqual(new Set(["openai chat line"]));
    upstream.play(
      json(200, {
        object: "chat.completion",
        choices: [{ index: 0, message: { content: "a" }, finish_reason: "stop" }],
      }),
    );
    expect((await ask({ method: "POST", path, body })).kinds).toEqual(["openai chat"]);
  });

  test.each<[name: string, body: unknown, status: number]>([
    ["unknown model", { ...body, model: "nobody" }, 404],
    ["no model", { messages: [] }, 400],
    ["no body", undefined, 400],
    ["broken body", "{bad", 400],
  ])("refuses: %s", async (_name, bad, status) => {
    const answer = await ask({ method: "POST", path, body: bad });
    expect([answer.status, answer.kinds]).toEqual([status, ["openai error"]]);
  });
});

test.skipIf(!description)("Ollama's own description is checked as well", () => {
  expect(description?.check("GET", "/api/version", "application/json", { version: 1 })).toEqual([
    "/version must be string",
  ]);
});
