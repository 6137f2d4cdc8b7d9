import { Ollama } from "ollama";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { ConfigFile } from "../../src/config/schema.ts";
import {
  chunk,
  json,
  sse,
  startScriptedUpstream,
  type RecordedRequest,
  type Script,
  type ScriptedUpstream,
  type Step,
} from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";
import { collect } from "./proxied.ts";

/**
 * Backend `a` fails in every way and `b` is well. Whatever happens, each call of a client either
 * resolves with all of an answer or rejects with our words: none resolves with a part of one.
 */
let a: ScriptedUpstream;
let b: ScriptedUpstream;

beforeAll(async () => {
  [a, b] = [await startScriptedUpstream(), await startScriptedUpstream()];
});
afterAll(async () => {
  await Promise.all([a.close(), b.close()]);
});

const messages = [{ role: "user" as const, content: "hi" }];
const wholeText = "from b";
const wholeVector = "[1,0,0]";
const invalid = 'upstream "a" returned an invalid response';
const running = "an error was encountered while running the model: ";

/** A call of a client; it answers all that it was told, as a text. */
type Call = (url: string) => Promise<string>;

const ollama = (url: string) => new Ollama({ host: url });
const openai = (url: string) => new OpenAI({ baseURL: `${url}/v1`, apiKey: "any", maxRetries: 0 });

const speaking: Readonly<Record<string, Call>> = {
  "ollama, chat in pieces": async (url) => {
    const lines = await collect(await ollama(url).chat({ model: "m", messages, stream: true }));
    return lines.map(({ message }) => message.content).join("");
  },
  "ollama, chat": async (url) => {
    return (await ollama(url).chat({ model: "m", messages })).message.content;
  },
  "ollama, generate in pieces": async (url) => {
    const request = { model: "m", prompt: "hi", stream: true as const };
    const lines = await collect(await ollama(url).generate(request));
    return lines.map(({ response }) => response).join("");
  },
  "ollama, generate": async (url) => {
    return (await ollama(url).generate({ model: "m", prompt: "hi" })).response ?? "";
  },
  "openai, chat in pieces": async (url) => {
    const request = { model: "m", messages, stream: true as const };
    const chunks = await collect(await openai(url).chat.completions.create(request));
    return chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");
  },
  "openai, chat": async (url) => {
    const answer = await openai(url).chat.completions.create({ model: "m", messages });
    return answer.choices[0]?.message.content ?? "";
  },
};

const embedding: Readonly<Record<string, Call>> = {
  "ollama, embed": async (url) => {
    const { embeddings } = await ollama(url).embed({ model: "m", input: "hi" });
    return JSON.stringify(embeddings[0] ?? "none");
  },
  "openai, embeddings": async (url) => {
    const request = { model: "m", input: "hi", encoding_format: "float" as const };
    const { data } = await openai(url).embeddings.create(request);
    return JSON.stringify(data[0]?.embedding ?? "none");
  },
};

/** Of every test, what its call came to. */
const counts = { resolved: 0, rejected: 0, truncated: 0 };

/** What a call resolves with; fails when that is not all of it. */
async function resolvedBy(call: Call, url: string): Promise<string> {
  const text = await call(url).catch((error: unknown) => {
    counts.rejected += 1;
    throw error;
  });
  counts.resolved += 1;
  if (text !== wholeText && text !== wholeVector) counts.truncated += 1;
  return text;
}

/** What a call rejects with. */
async function rejectedBy(call: Call, url: string): Promise<{ message: string; status: unknown }> {
  try {
    const text = await resolvedBy(call, url);
    return { message: `it resolved with ${JSON.stringify(text)}`, status: undefined };
  } catch (error) {
    const { message, status, status_code } = error as Error & Record<string, unknown>;
    return { message, status: status ?? status_code };
  }
}

/** All of an answer, on any route. */
function answers({ path }: RecordedRequest): Script {
  if (path !== "/v1/embeddings") {
    return {
      steps: [
        sse(chunk({ content: "from " }), chunk({ content: "b" }), chunk({}, "stop"), "[DONE]"),
      ],
    };
  }
  const data = [{ object: "embedding", index: 0, embedding: [1, 0, 0] }];
  return json(200, {
    object: "list",
    model: "m",
    data,
    usage: { prompt_tokens: 1, total_tokens: 1 },
  });
}

/** The proxy in front of both. Each test has its own, which knows of no earlier failure. */
async function startBoth(config: ConfigFile = {}): Promise<StartedProxy> {
  const common = { dialect: "vllm" as const, models: ["m"] };
  const proxy = await startProxy({
    config: {
      upstreams: [
        { ...common, id: "a", base_url: a.baseUrl },
        { ...common, id: "b", base_url: b.baseUrl, priority: 1 },
      ],
      ...config,
    },
  });
  b.play(answers);
  onTestFinished(() => proxy.close());
  return proxy;
}

const raw = (...steps: Step[]): Script => ({ raw: true, steps });
const refusal = (status: number): Script => json(status, { error: { message: `no: ${status}` } });

const beforeFirstByte: Readonly<Record<string, Script>> = {
  "401": refusal(401),
  "408": refusal(408),
  "429": refusal(429),
  "502": refusal(502),
  "503": refusal(503),
  "529": refusal(529),
  "a web page": { headers: { "content-type": "text/html" }, steps: ["<html>"] },
  "a redirect": { status: 307, headers: { location: "http://127.0.0.1:9/" }, steps: [] },
  "another protocol": raw("SSH-2.0-x\r\n", { hang: true }),
};

/** The work may have been done, so that these are asked again only where that is wanted. */
const ambiguous: Readonly<Record<string, Script>> = {
  "500": refusal(500),
  "504": refusal(504),
  "a reset": raw({ reset: true }),
  "an end": raw({ end: true }),
  "an empty body": { steps: [] },
};

describe.each(Object.entries({ ...speaking, ...embedding }))("%s", (name, call) => {
  const whole = name in speaking ? wholeText : wholeVector;

  test.each(Object.entries(beforeFirstByte))(
    "%s from the first: the second answers",
    async (__, script) => {
      const proxy = await startBoth();
      a.play(script);
      const asked = a.requests.length;
      expect(await resolvedBy(call, proxy.url)).toBe(whole);
      expect(a.requests.length).toBeGreaterThan(asked);
    },
  );

  test.each(Object.entries(ambiguous))(
    "%s from the first: the second answers, where that is wanted",
    async (__, script) => {
      a.play(script);
      const eager = await startBoth({ failover: { ambiguous: true } });
      expect(await resolvedBy(call, eager.url)).toBe(whole);
      const careful = await startBoth();
      const asked = b.requests.length;
      expect((await rejectedBy(call, careful.url)).message).toMatch(/upstream "a"|no: 50/u);
      expect(b.requests.length).toBe(asked);
    },
  );

  test.each([429, 503])("%i from both", async (status) => {
    const proxy = await startBoth();
    a.play(refusal(status));
    b.play(refusal(status));
    expect(await rejectedBy(call, proxy.url)).toMatchObject({ status });
  });
});

describe.each(Object.entries(speaking))("%s", (name, call) => {
  const begun = sse(chunk({ content: "from " }));
  test.each<[string, string, Step[]]>([
    ["a reset", "unexpected EOF", [begun, { wait: 20 }, { reset: true }]],
    ["an end in the middle", "unexpected EOF", [begun, { wait: 20 }, { destroy: true }]],
    ["an end without a finish", "stream ended before completion", [begun]],
    ["an error event", "boom", [begun + sse({ error: { message: "boom", code: 503 } })]],
    ["broken JSON", "invalid response from upstream", [`${begun}data: {"a":\n\n`]],
  ])(
    "%s after its first words: it rejects, and nobody else is asked",
    async (__, reason, steps) => {
      const proxy = await startBoth({ failover: { ambiguous: true } });
      a.play({ steps });
      const asked = b.requests.length;
      // Here the backend is asked for one document, of which no part has been read.
      const told =
        name === "openai, chat" ? new RegExp(`${invalid}|${reason}`, "u") : running + reason;
      expect((await rejectedBy(call, proxy.url)).message).toMatch(told);
      expect(b.requests.length).toBe(asked);
    },
  );

  test("a shutdown that waits long enough: it completes", async () => {
    const proxy = await startBoth();
    a.play({
      steps: [begun, { wait: 300 }, sse(chunk({ content: "b" }), chunk({}, "stop"), "[DONE]")],
    });
    const asked = a.requests.length;
    const text = resolvedBy(call, proxy.url);
    await expect.poll(() => a.requests.length).toBeGreaterThan(asked);
    await proxy.drain();
    expect(await text).toBe(wholeText);
  });

  test("a shutdown that does not: it rejects", async () => {
    const proxy = await startBoth({ shutdown: { drain_timeout: 0.1 } });
    a.play({ steps: [begun, { hang: true }] });
    const asked = a.requests.length;
    const rejected = rejectedBy(call, proxy.url);
    await expect.poll(() => a.requests.length).toBeGreaterThan(asked);
    await proxy.drain();
    expect((await rejected).message).toContain("server is shutting down");
  });
});

test("openai, chat: a document that is cut is no answer, and nobody else is asked", async () => {
  const proxy = await startBoth({ failover: { ambiguous: true } });
  const headers = { "content-type": "application/json" };
  const begun = '{"id":"1","object":"chat.completion","choices":[{"message":{"content":"from ';
  a.play({ headers, steps: [begun, { wait: 20 }, { destroy: true }] });
  const asked = b.requests.length;
  const call = speaking["openai, chat"] ?? (() => Promise.resolve(""));
  expect((await rejectedBy(call, proxy.url)).message).toMatch(/invalid response|unexpected EOF/u);
  expect(b.requests.length).toBe(asked);
});

test("no call resolved with a part of its answer", () => {
  expect(counts.truncated).toBe(0);
  expect(counts.resolved).toBeGreaterThan(100);
  expect(counts.rejected).toBeGreaterThan(80);
  console.log(`${counts.resolved} resolved, ${counts.rejected} rejected, silent truncations 0`);
});
