import { describe, expect, test } from "vitest";
import type { ConfigFile } from "../../src/config/schema.ts";
import { parseNdjson } from "../support/ndjson.ts";
import {
  chunk,
  json,
  sse,
  type RecordedRequest,
  type Script,
  type ScriptedUpstream,
} from "../support/scripted-upstream.ts";
import type { StartedProxy } from "../support/start-proxy.ts";
import {
  backend,
  chat,
  described,
  inTurn,
  messages,
  overloaded,
  proxyOf,
  refuses,
  says,
  sent,
} from "./backends.ts";
import { call } from "./call.ts";

type UpstreamFile = NonNullable<ConfigFile["upstreams"]>[number];

interface Pair {
  readonly proxy: StartedProxy;
  readonly a: ScriptedUpstream;
  readonly b: ScriptedUpstream;
}

interface PairOptions {
  readonly a?: Script | ((request: RecordedRequest) => Script);
  readonly b?: Script;
  readonly config?: ConfigFile;
  readonly ownOfA?: Partial<UpstreamFile>;
  readonly ownOfB?: Partial<UpstreamFile>;
}

/** Two backends with one model, of which the first fails. */
async function pair(options: PairOptions = {}): Promise<Pair> {
  const a = await backend(options.a ?? overloaded);
  const b = await backend(options.b ?? says("b"));
  const upstreams = [described("a", a, options.ownOfA), described("b", b, options.ownOfB)];
  return { proxy: await proxyOf({ upstreams, ...options.config }), a, b };
}

const vectors = json(200, {
  data: [{ index: 0, embedding: [0.6, 0.8] }],
  usage: { prompt_tokens: 1 },
});
const textAnswer = json(200, { object: "text_completion", choices: [{ text: "b" }] });
const message = json(200, { type: "message", content: [{ type: "text", text: "b" }] });
const response = json(200, { object: "response", status: "completed", output: [] });

/** Path, body, what the other backend answers, and a piece of what the client then gets. */
const routes: readonly [path: string, body: object, answer: Script, told: string][] = [
  ["/api/chat", { messages }, says("b"), '"content":"b"'],
  ["/api/generate", { prompt: "hi" }, says("b"), '"response":"b"'],
  ["/api/generate", { prompt: "hi", stream: false }, says("b"), '"response":"b"'],
  [
    "/api/generate",
    { prompt: "hi", raw: true },
    { steps: [sse({ choices: [{ text: "b", finish_reason: "stop" }] })] },
    '"response":"b"',
  ],
  ["/api/embed", { input: ["hi"] }, vectors, '"embeddings":[[0.6'],
  ["/api/embeddings", { prompt: "hi" }, vectors, '"embedding":[0.6'],
  ["/v1/chat/completions", { messages, stream: true }, says("b"), '"content":"b"'],
  ["/v1/chat/completions", { messages }, says("b"), '"content":"b"'],
  ["/v1/completions", { prompt: "hi" }, textAnswer, '"text":"b"'],
  ["/v1/embeddings", { input: "hi" }, vectors, '"embedding":[0.6'],
  ["/v1/responses", { input: "hi" }, response, '"status":"completed"'],
  ["/v1/messages", { messages, max_tokens: 9 }, message, '"text":"b"'],
];

describe("the next backend is asked", () => {
  test.for(routes)("on %s, %j", async ([path, body, answer, told]) => {
    const { proxy, a, b } = await pair({ b: answer });
    const asked = JSON.stringify({ model: "m", ...body });
    const answered = await call({ port: proxy.port, path, body: asked });
    expect(answered).toMatchObject({
      status: 200,
      headers: { "x-proxy-upstream": "b", "x-proxy-attempts": "2" },
    });
    expect(answered.body).toContain(told);
    expect([a.requests.length, b.requests.length]).toEqual([1, 1]);
    expect(b.requests[0]).toMatchObject({ path: a.requests[0]?.path, body: a.requests[0]?.body });
  });

  test("not after the first word, which the client has", async () => {
    const { proxy, b } = await pair({
      a: { steps: [sse(chunk({ content: "one" })), { wait: 20 }, { reset: true }] },
      config: { failover: { ambiguous: true } },
    });
    const body = JSON.stringify({ model: "m", messages });
    const answer = await call({ port: proxy.port, path: "/api/chat", body });
    expect(answer.headers).toMatchObject({ "x-proxy-upstream": "a", "x-proxy-attempts": "1" });
    expect(parseNdjson(answer.body)).toMatchObject([
      { message: { content: "one" } },
      { done: true, done_reason: "error" },
    ]);
    expect(b.requests).toEqual([]);
  });

  test("not after the first word of an answer in one piece, which nobody has", async () => {
    const { proxy, b } = await pair({
      a: { steps: [sse(chunk({ content: "one" })), { wait: 20 }, { reset: true }] },
      config: { failover: { ambiguous: true } },
    });
    expect(await chat(proxy)).toMatchObject({ status: 502, by: "a", tries: 1 });
    expect(b.requests).toEqual([]);
  });

  test("not once the time for all tries is over", async () => {
    const { proxy, b } = await pair({
      a: { ...overloaded, steps: [{ wait: 60 }, ...overloaded.steps] },
      config: { failover: { deadline: "40ms" } },
    });
    expect(await chat(proxy)).toMatchObject({ status: 502, by: "a", tries: 1 });
    expect(b.requests).toEqual([]);
  });
});

describe("of two backends that may both have done the work", () => {
  test("only one more is asked, however many there are", async () => {
    const failing = refuses(500, "boom");
    const upstreams = await Promise.all(
      ["a", "b", "c"].map(async (id) => described(id, await backend(failing))),
    );
    const proxy = await proxyOf({ upstreams, failover: { ambiguous: true } });
    expect(await chat(proxy)).toMatchObject({ status: 500, by: "b", tries: 2 });
  });

  test("the first is given less time when another can take over", async () => {
    const config = { failover: { ambiguous: true, first_byte: "50ms" } };
    const { proxy } = await pair({ a: { raw: true, steps: [{ hang: true }] }, config });
    expect(await chat(proxy)).toMatchObject({ status: 200, by: "b", tries: 2 });
  });
});

describe("headers that left early, for `commit_after`", () => {
  const late: Script = {
    raw: true,
    steps: [{ wait: 100 }, "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"],
  };

  test("do not keep the next backend from answering", async () => {
    const { proxy } = await pair({ a: late, config: { commit_after: "20ms" } });
    const body = JSON.stringify({ model: "m", messages });
    const answer = await call({ port: proxy.port, path: "/api/chat", body });
    expect(answer.status).toBe(200);
    expect(parseNdjson(answer.body)).toMatchObject([
      { message: { content: "b" } },
      { done: true, done_reason: "stop" },
    ]);
  });

  test("leave the last line to say that nobody could", async () => {
    const b = { ...overloaded };
    const { proxy } = await pair({ a: late, b, config: { commit_after: "20ms" } });
    const body = JSON.stringify({ model: "m", messages });
    const answer = await call({ port: proxy.port, path: "/api/chat", body });
    expect(answer.status).toBe(200);
    expect(parseNdjson(answer.body)).toMatchObject([
      {
        done: true,
        done_reason: "error",
        error: "an error was encountered while running the model: overloaded",
      },
    ]);
  });
});

describe("a backend that is asked in other words", () => {
  const options = { top_k: 1, min_p: 0.1 };
  /** Refuses one field after the other, and then does not answer all the same. */
  const choosy = ({ body }: RecordedRequest): Script => {
    const field = ["top_k", "min_p"].find((name) => body.includes(`"${name}"`));
    return field === undefined ? overloaded : refuses(400, `property '${field}' is unsupported`);
  };

  test("does not use up the tries", async () => {
    const { proxy, a, b } = await pair({ a: choosy, config: { failover: { attempts: 2 } } });
    expect(await chat(proxy, { options })).toMatchObject({ status: 200, by: "b", tries: 4 });
    expect(a.requests).toHaveLength(3);
    expect(sent(b)).toMatchObject(options);
  });

  test("and got a shorter conversation leaves the whole one to the next", async () => {
    const overflow = refuses(
      400,
      "This model's maximum context length is 10 tokens, however you requested 99 tokens",
    );
    const { proxy, a, b } = await pair({ a: inTurn(overflow, overloaded) });
    const long = ["one", "two", "three"].flatMap((content) => [
      { role: "user", content },
      { role: "assistant", content },
    ]);
    const asked = [...long, ...messages];
    expect(await chat(proxy, { messages: asked })).toMatchObject({ by: "b", tries: 3 });
    expect(sent(a, 1).messages.length).toBeLessThan(asked.length);
    expect(sent(b).messages).toHaveLength(asked.length);
  });
});

describe("`x-proxy-ignored`", () => {
  const untold = { overrides: { options: { top_k: [] } } };
  const ignored = async ({ proxy }: Pair) => {
    const body = JSON.stringify({ model: "m", messages, options: { top_k: 1 } });
    const { headers } = await call({ port: proxy.port, path: "/api/chat", body });
    return [headers["x-proxy-upstream"], headers["x-proxy-ignored"]];
  };

  test("tells nothing of a backend that did not answer", async () => {
    expect(await ignored(await pair({ ownOfA: untold }))).toEqual(["b", undefined]);
  });

  test("tells what the one that answered was not told", async () => {
    expect(await ignored(await pair({ ownOfB: untold }))).toEqual(["b", "options.top_k"]);
  });
});
