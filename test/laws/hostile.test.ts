import * as fc from "fast-check";
import { Ollama, type AbortableAsyncIterator } from "ollama";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkContract } from "../support/contract.ts";
import { checkStream, isObject, parseNdjson } from "../support/ndjson.ts";
import {
  chunk,
  json,
  sse,
  startScriptedUpstream,
  type Script,
  type ScriptedUpstream,
} from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";
import { fixtures } from "./fixtures.ts";

let upstream: ScriptedUpstream;
let proxy: StartedProxy;

beforeAll(async () => {
  upstream = await startScriptedUpstream();
  proxy = await startProxy({ upstreamUrl: upstream.baseUrl });
});
afterAll(async () => {
  await proxy.close();
  await upstream.close();
});

/** What backends sent, event by event; some of it is one whole answer. */
const recorded = fixtures
  .map(({ bytes }) => eventsOf(bytes.toString()))
  .filter((events) => events.length > 0);

function eventsOf(text: string): unknown[] {
  const lines = [...text.matchAll(/^(?:data: ?)?([{[].*)$/gmu)];
  return lines.flatMap(([, line = ""]) => parsed(line));
}

function parsed(line: string): unknown[] {
  try {
    return [JSON.parse(line)];
  } catch {
    return [];
  }
}

const answers = [
  ...recorded.map(([first]) => first),
  { choices: [{ index: 0, message: { role: "assistant", content: "a" }, finish_reason: "stop" }] },
  {
    data: [
      { object: "embedding", index: 0, embedding: [3, 4] },
      { object: "embedding", index: 1, embedding: [0, 2] },
    ],
    usage: { prompt_tokens: 2, total_tokens: 2 },
  },
];

const refusals = [
  { error: { message: "no", type: "invalid_request_error", param: "logprobs", code: 400 } },
  { error: { message: "no", metadata: { raw: '{"detail":"no"}', provider_name: "x" } } },
  { error: { code: 400, details: [{ fieldViolations: [{ field: "logprobs" }] }] } },
  { detail: [{ loc: ["body", "logprobs"], msg: "no", type: "missing" }] },
  { object: "error", message: "no", type: "BadRequestError", param: null, code: 400 },
  { errors: [{ message: "no" }], success: false },
  { base_resp: { status_code: 1004, status_msg: "no" } },
  { fault: { faultstring: "no" }, title: "no", status: 400 },
];

const hostileKeys = ["__proto__", "constructor", "prototype", "toString", "valueOf", "toJSON"];
const key = fc.oneof(
  fc.constantFrom(...new Set(keysOf([recorded, answers, refusals]))),
  fc.constantFrom(...hostileKeys, "then", "length", "0", "", "x_unknown"),
);

function keysOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(keysOf);
  return isObject(value) ? Object.entries(value).flatMap(([k, v]) => [k, ...keysOf(v)]) : [];
}

/** Throws where it is made a text or a number. */
const noPrimitive = { toString: 1, valueOf: null };

const leaf: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown[]>(noPrimitive, [noPrimitive], [[]], {}, null, true, false),
  fc.constantFrom(0, -1, 1.5, 2 ** 31, 2 ** 53, 1e300, "0", "7", "-1", "1e9", "0x10"),
  fc.constantFrom("", "null", "NaN", "[DONE]", "\ud83c", "\u2028\u0000\r\n", "stop", "error"),
  fc.constantFrom("<think>", "</think>", "{", '{"a":1}', "[]", '"{}"'),
  fc.string({ unit: "binary", maxLength: 5 }),
);

/** Objects are made of entries, so that even `__proto__` is a member of its own. */
const anything = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fc.array(tie("value"), { maxLength: 3 }),
    fc.array(fc.tuple(key, tie("value")), { maxLength: 4 }).map(Object.fromEntries),
    fc.tuple(key, leaf, fc.constantFrom(20, 150)).map(nested),
  ),
})).value;

function nested([name, inner, levels]: [string, unknown, number]): unknown {
  let value = inner;
  for (let level = 0; level < levels; level += 1) value = Object.fromEntries([[name, [value]]]);
  return value;
}

/** One value inside another, which gets a member more or is replaced; undefined leaves it out. */
interface Change {
  readonly at: number;
  readonly as?: string | undefined;
  readonly value: unknown;
}

const change: fc.Arbitrary<Change> = fc.record({
  at: fc.nat({ max: 400 }),
  as: fc.option(key, { nil: undefined, freq: 2 }),
  value: fc.option(anything, { nil: undefined, freq: 9 }),
});

function changed(whole: unknown, { at, as, value }: Change): unknown {
  let left = at % partsOf(whole);
  function walk(part: unknown): unknown {
    left -= 1;
    if (left === -1 && as !== undefined && isObject(part)) return withMember(part, as, value);
    if (left === -1) return value;
    if (Array.isArray(part)) return part.map(walk);
    if (!isObject(part)) return part;
    return Object.fromEntries(Object.entries(part).map(([name, inner]) => [name, walk(inner)]));
  }
  return walk(whole);
}

function withMember(object: object, name: string, value: unknown): object {
  return Object.fromEntries([...Object.entries(object), [name, value]]);
}

/** How many values there are in a value, itself among them. */
function partsOf(value: unknown): number {
  const inner = typeof value === "object" && value !== null ? Object.values(value) : [];
  return inner.reduce<number>((sum, part) => sum + partsOf(part), 1);
}

const hostile = (values: readonly unknown[]) =>
  fc
    .tuple(fc.constantFrom(...values), fc.array(change, { minLength: 1, maxLength: 6 }))
    .map(([value, changes]) => changes.reduce<unknown>(changed, value));

/** Each value inside this one, replaced in turn. */
function eachReplaced(
  whole: unknown,
  others: readonly unknown[] = [noPrimitive, [noPrimitive], null, "7"],
): unknown[] {
  return Array.from({ length: partsOf(whole) }, (_, at) =>
    others.map((value) => changed(whole, { at, value })),
  ).flat();
}

/** Everything that all objects, lists and functions share. */
function shared(): unknown[] {
  const prototypes = [Object, Array, Function, String, Number, Promise].map((one) => one.prototype);
  return prototypes.flatMap((prototype) =>
    Reflect.ownKeys(prototype).flatMap((name) => {
      const { value, get, set } = Reflect.getOwnPropertyDescriptor(prototype, name) ?? {};
      return [name, value as unknown, get, set];
    }),
  );
}

const sharedBefore = shared();

function expectPrototypesUntouched(): void {
  const now = shared();
  expect(now).toHaveLength(sharedBefore.length);
  expect(now.every((part, index) => Object.is(part, sharedBefore[index]))).toBe(true);
}

const chat = { model: "m", messages: [{ role: "user", content: "hi" }], logprobs: true };
const generate = { model: "m", prompt: "hi", logprobs: true };

/** The official client's ways to ask; of a stream it reads every line. */
const asks = {
  "/api/chat": async (ollama: Ollama) => readAll(await ollama.chat({ ...chat, stream: true })),
  "/api/chat whole": async (ollama: Ollama) => ollama.chat(chat),
  "/api/generate": async (ollama: Ollama) =>
    readAll(await ollama.generate({ ...generate, stream: true })),
  "/api/generate whole": async (ollama: Ollama) => ollama.generate(generate),
  "/api/embed": async (ollama: Ollama) => ollama.embed({ model: "m", input: ["a", "b"] }),
};

async function readAll(lines: AbortableAsyncIterator<object>): Promise<void> {
  for await (const line of lines) expect(line).not.toHaveProperty("error");
}

/** Asks with the official client, and keeps what came over the wire and what the client raised. */
async function exchange(name: keyof typeof asks) {
  let response = Response.error();
  let text = Promise.resolve("");
  const ollama = new Ollama({
    host: proxy.url,
    fetch: async (input, init) => {
      response = await fetch(input, init);
      text = response.clone().text();
      return response;
    },
  });
  const raised: unknown = await asks[name](ollama).then(
    () => undefined,
    (error: unknown) => error,
  );
  return { response, text: await text, raised };
}

/** Plays a script: whatever it says, the client is told something that it knows. */
async function check(name: keyof typeof asks, script: Script): Promise<void> {
  upstream.play(script);
  const { response, text, raised } = await exchange(name);
  const path = name.replace(" whole", "");
  const contentType = response.headers.get("content-type") ?? "";
  checkContract({ method: "POST", path, status: response.status, contentType, text });
  if (contentType === "application/x-ndjson") {
    const lines = parseNdjson(text);
    checkStream(lines, path === "/api/chat" ? "chat" : "generate");
    expect(raised).toEqual(errorOf(lines.at(-1)?.["error"]));
  } else {
    const { error } = JSON.parse(text) as { error?: unknown };
    expect(error === undefined).toBe(response.status === 200);
    expect(error, "our own code failed").not.toBe("internal error");
    expect(raised).toEqual(errorOf(error));
  }
  expectPrototypesUntouched();
}

/** What the client raises for an error that it was told. */
function errorOf(told: unknown): unknown {
  return told === undefined ? undefined : expect.objectContaining({ message: told });
}

describe("whatever a backend sends, every client can read what it is told", () => {
  test("of a stream", async () => {
    const name = fc.constantFrom("/api/chat", "/api/chat whole", "/api/generate");
    const end = fc.constantFrom<string[]>(["[DONE]"], []);
    await fc.assert(
      fc.asyncProperty(name, hostile(recorded), end, async (route, chunks, done) => {
        const events: unknown[] = Array.isArray(chunks) ? chunks : [chunks];
        const texts = events.map((event) => JSON.stringify(event) ?? "");
        await check(route, { steps: [sse(...texts, ...done)] });
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    "logprobs-text-completion",
    "openai-two-tools",
    "openrouter-reasoning-details",
    "mistral-thinking",
    "groq-x-groq",
  ])("of a stream with one odd value: %s", async (name) => {
    const { bytes } = fixtures.find((fixture) => fixture.name === name) ?? {};
    const events = eventsOf(bytes?.toString() ?? "");
    expect(events.length).toBeGreaterThan(0);
    for (const odd of eachReplaced(events, [noPrimitive])) {
      const texts = Array.isArray(odd) ? odd.map((event) => JSON.stringify(event)) : ["{}"];
      await check("/api/chat", { steps: [sse(...texts)] });
    }
  });

  test("of log probabilities at the end of thoughts that never end", async () => {
    const logprobs = { content: [{ token: "a", logprob: -1, bytes: null, top_logprobs: [] }] };
    const said = (content: string) => ({ choices: [{ index: 0, delta: { content }, logprobs }] });
    const events = [said("<think>"), said("a"), said(""), chunk({}, "stop")];
    for (const route of ["/api/chat", "/api/generate", "/api/chat whole"] as const)
      await check(route, { steps: [sse(...events)] });
  });

  test("of a whole answer", async () => {
    const name = fc.constantFrom("/api/chat", "/api/generate whole", "/api/embed");
    await fc.assert(
      fc.asyncProperty(name, hostile(answers), async (route, answer) =>
        check(route, json(200, answer ?? null)),
      ),
      { numRuns: 150 },
    );
  });

  test("of a refusal", async () => {
    const name = fc.constantFrom("/api/chat", "/api/generate whole", "/api/embed");
    const status = fc.constantFrom(200, 400, 422, 429, 500);
    await fc.assert(
      fc.asyncProperty(name, hostile(refusals), status, async (route, refusal, code) =>
        check(route, json(code, refusal ?? null)),
      ),
      { numRuns: 150 },
    );
  });

  test.each(refusals)("of a refusal with one odd value: %j", async (refusal) => {
    for (const odd of eachReplaced(refusal)) await check("/api/chat", json(400, odd));
  });

  test("of a list of models, the good ones among them", async () => {
    const model = { type: "llm", created: 1, owned_by: "x", max_model_len: 8, arch: "llama" };
    const more = { meta: { n_ctx: 8, size: 1, ftype: "Q4" }, capabilities: ["tools"], aliases: [] };
    const odd = eachReplaced({ ...model, ...more, top_provider: { context_length: 8 } });
    const data = [
      null,
      5,
      [],
      {},
      noPrimitive,
      ...[5, null, "", "__proto__", "constructor", noPrimitive, [noPrimitive]].map((id) => ({
        id,
      })),
      ...odd.map((entry, index) => (isObject(entry) ? { ...entry, id: `odd-${index}` } : entry)),
      { id: "good" },
    ];
    const lookups = { "/v1/models": json(200, { data }) };
    const backend = await startScriptedUpstream({ lookups });
    const front = await startProxy({ upstreamUrl: backend.baseUrl });
    const ollama = new Ollama({ host: front.url });
    const { models } = await ollama.list();
    const names = models.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["__proto__:latest", "good:latest"]));
    expect(names.length).toBeGreaterThan(odd.length / 2);
    for (const name of names) {
      const { capabilities } = await ollama.show({ model: name });
      expect(capabilities.length, name).toBeGreaterThan(0);
    }
    await front.close();
    await backend.close();
    expectPrototypesUntouched();
  });
});

test("and after all of it the proxy answers as ever", async () => {
  upstream.play({ steps: [sse(chunk({ content: "well" }), chunk({}, "stop"), "[DONE]")] });
  const { raised, text } = await exchange("/api/chat whole");
  expect(raised).toBe(undefined);
  expect(JSON.parse(text)).toMatchObject({ message: { content: "well" }, done: true });
});
