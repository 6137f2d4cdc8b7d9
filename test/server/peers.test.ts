/**
 * What servers of this kind are known to get wrong, one test each, told by what is right. Many of
 * these have closer tests elsewhere; here they stand together, each through the whole proxy.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkStream, isObject, parseNdjson, type JsonObject } from "../support/ndjson.ts";
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

type Kind = "chat" | "generate";

const prompts = {
  chat: { messages: [{ role: "user", content: "hi" }] },
  generate: { prompt: "hi" },
};
const end = sse(chunk({}, "stop"), "[DONE]");
const well: Script = { steps: [sse(chunk({ content: "well" })) + end] };
const running = "an error was encountered while running the model: ";

/** Every route that answers, in a stream and in one piece. */
const forms = (["chat", "generate"] as const).flatMap((kind) =>
  [true, false].map((stream) => ({ kind, stream })),
);

async function post(path: string, body: string) {
  const response = await fetch(proxy.url + path, { method: "POST", body });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

const ask = async (kind: Kind, more: object = {}) =>
  post(`/api/${kind}`, JSON.stringify({ model: "m", ...prompts[kind], ...more }));

/** The lines of a stream that was played, each of them right for every client. */
async function linesOf(script: Script, kind: Kind = "chat"): Promise<JsonObject[]> {
  upstream.play(script);
  const { status, headers, text } = await ask(kind);
  expect(status).toBe(200);
  expect(headers.get("content-type")).toBe("application/x-ndjson");
  const lines = parseNdjson(text);
  checkStream(lines, kind);
  return lines;
}

const messageOf = (line: JsonObject) => (isObject(line["message"]) ? line["message"] : line);
const callsOf = (lines: readonly JsonObject[]) =>
  lines.flatMap((line) => (messageOf(line)["tool_calls"] ?? []) as JsonObject[]);

/** All text of an answer, or all thoughts. */
function said(lines: readonly JsonObject[], field: "text" | "thinking" = "text"): string {
  const names = field === "text" ? ["content", "response"] : ["thinking"];
  const holders = lines.map(messageOf);
  return holders.flatMap((holder) => names.map((name) => (holder[name] ?? "") as string)).join("");
}

interface SentMessage {
  role: string;
  content: unknown;
  tool_calls?: { id: string; function: { name: string; arguments: string } }[];
  tool_call_id?: string;
}

const bodyOf = (request: RecordedRequest | undefined) =>
  JSON.parse(request?.body ?? "{}") as { messages: SentMessage[] } & Record<string, unknown>;

/** What the backend is sent for a request. */
async function sent(kind: Kind, more: object) {
  upstream.play(well);
  const { status } = await ask(kind, more);
  expect(status).toBe(200);
  return bodyOf(upstream.requests.at(-1));
}

describe("an error of the backend", () => {
  test.each(
    forms.flatMap((form) => [
      { ...form, refused: 429, told: "slow down", retryAfter: "7" },
      { ...form, refused: 400, told: "no such voice", retryAfter: null },
    ]),
  )(
    "keeps its status, its text and the time to wait, as JSON: $refused, $kind, stream $stream",
    async ({ kind, stream, refused, told, retryAfter }) => {
      const headers = retryAfter === null ? undefined : { "retry-after": retryAfter };
      upstream.play(json(refused, { error: { message: told } }, headers));
      const asked = upstream.requests.length;
      const answer = await ask(kind, { stream });
      expect(answer.status).toBe(refused);
      expect(JSON.parse(answer.text)).toEqual({ error: told });
      expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
      expect(answer.headers.get("retry-after")).toBe(retryAfter);
      expect(upstream.requests, "no second try").toHaveLength(asked + 1);
    },
  );

  /** The flat ones are vLLM's and FastChat's. */
  const events = [
    ["flat", 400, { object: "error", message: "too hot", type: "BadRequestError", code: 400 }],
    ["flat, without a name", 400, { message: "too hot", type: "BadRequestError", code: 400 }],
    ["flat, with a code of its own", 502, { object: "error", message: "too hot", code: 50_001 }],
    ["nested", 400, { error: { message: "too hot", type: "BadRequestError", code: 400 } }],
  ] as const;

  describe.each(events)("in a stream, %s,", (_, statusOfItsOwn, event) => {
    test.each(forms)("is no text and no stop: $kind, stream $stream", async ({ kind, stream }) => {
      upstream.play({ steps: [sse(chunk({ content: "well" }), event, "[DONE]")] });
      const { status, text } = await ask(kind, { stream });
      expect(status).toBe(stream ? 200 : 502);
      if (stream) {
        const lines = parseNdjson(text);
        checkStream(lines, kind);
        expect(said(lines)).toBe("well");
        expect(lines.at(-1)).toMatchObject({ done_reason: "error", error: `${running}too hot` });
      } else expect(JSON.parse(text)).toEqual({ error: `${running}too hot` });
    });

    test.each(forms)("has its status while it can: $kind, stream $stream", async (form) => {
      upstream.play({ steps: [sse(chunk({ role: "assistant", content: "" }), event)] });
      const { status, text } = await ask(form.kind, { stream: form.stream });
      expect(status).toBe(statusOfItsOwn);
      expect(JSON.parse(text)).toEqual({ error: "too hot" });
    });
  });

  test.each(forms)("without a word is told in some words: $kind, stream $stream", async (form) => {
    upstream.play({ steps: [sse(chunk({}, "error"), "[DONE]")] });
    const { status, text } = await ask(form.kind, { stream: form.stream });
    expect(status).toBe(502);
    expect(JSON.parse(text)).toEqual({ error: expect.stringMatching(/\w/u) });
  });

  test("is not hidden where the stream just stops", async () => {
    const lines = await linesOf({ steps: [sse(chunk({ content: "well" }))] });
    expect(lines.at(-1)).toMatchObject({
      done_reason: "error",
      error: `${running}stream ended before completion`,
    });
  });
});

describe("a stream", () => {
  test.each(["chat", "generate"] as const)(
    "of %s is the default, and ends once, with the backend's counts, wherever they come",
    async (kind) => {
      const usage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };
      const lines = await linesOf(
        {
          steps: [
            sse(
              chunk({ content: "well" }),
              chunk({ content: "!" }, "stop", { usage: { prompt_tokens: 1 } }),
              { choices: [], usage },
              { choices: [], usage },
              "[DONE]",
            ),
          ],
        },
        kind,
      );
      expect(said(lines)).toBe("well!");
      expect(lines.filter((line) => line["done"])).toMatchObject([
        { done_reason: "stop", prompt_eval_count: 11, eval_count: 7 },
      ]);
      expect(bodyOf(upstream.requests.at(-1))).toMatchObject({
        stream: true,
        stream_options: { include_usage: true },
      });
    },
  );

  test.each([
    ["stop", "stop"],
    ["length", "length"],
    ["max_tokens", "length"],
    ["tool_calls", "stop"],
    ["function_call", "stop"],
    ["content_filter", "stop"],
    ["eos_token", "stop"],
    ["unheard_of", "stop"],
  ])("that ends with %s says %s, which clients know", async (finish, reason) => {
    const lines = await linesOf({ steps: [sse(chunk({ content: "a" }), chunk({}, finish))] });
    expect(lines.at(-1)).toMatchObject({ done_reason: reason });
  });

  test("has the date of the answer", async () => {
    const before = Date.now();
    const [line] = await linesOf(well);
    const created = Date.parse(line?.["created_at"] as string);
    expect(created).toBeGreaterThanOrEqual(before);
    expect(created).toBeLessThanOrEqual(Date.now());
  });

  test("may have chunks without choices", async () => {
    const pings = [{}, { id: "1" }, { choices: null }, { choices: [] }, { choices: [null] }];
    const steps = [
      sse(...pings, chunk({ content: "we" }), ...pings, chunk({ content: "ll" })),
      end,
    ];
    expect(said(await linesOf({ steps }))).toBe("well");
  });

  test.each(["0123456789abcde🌞", "漢字かな"])(
    "may have one text of 200 kB (%s …), and no line is too long for a client",
    async (piece) => {
      const long = piece.repeat(200_000 / Buffer.byteLength(piece));
      const lines = await linesOf({ steps: [sse(chunk({ content: long })), end] });
      expect(said(lines)).toBe(long);
      const longest = Math.max(...lines.map((line) => Buffer.byteLength(JSON.stringify(line))));
      expect(longest).toBeLessThan(128 * 1024);
    },
  );

  test("may have an emoji that is cut by two writes", async () => {
    const bytes = Buffer.from(sse(chunk({ content: "a🌞b" })) + end);
    const at = bytes.indexOf("🌞");
    for (const cut of [at + 1, at + 2, at + 3]) {
      const steps = [bytes.subarray(0, cut), { wait: 20 }, bytes.subarray(cut)];
      expect(said(await linesOf({ steps }))).toBe("a🌞b");
    }
  });

  test("may have an emoji that is cut by two events", async () => {
    const halves = [chunk({ content: "a\ud83c" }), chunk({ content: "\udf1eb" })];
    expect(said(await linesOf({ steps: [sse(...halves) + end] }))).toBe("a🌞b");
  });

  test("may come in one piece all the same", async () => {
    const message = { role: "assistant", content: "well" };
    const whole = { choices: [{ index: 0, message, finish_reason: "length" }] };
    const lines = await linesOf(json(200, whole));
    expect(said(lines)).toBe("well");
    expect(lines.at(-1)).toMatchObject({ done_reason: "length" });
  });

  test("is not mixed up with another that runs beside it", async () => {
    upstream.play((request) => {
      const word = String(bodyOf(request).messages[0]?.content);
      const events = Array.from({ length: 20 }, () => sse(chunk({ content: word })));
      return { steps: [...events.flatMap((event) => [event, { wait: 1 }]), end] };
    });
    const words = ["a", "b", "c", "d"];
    const answers = await Promise.all(
      words.map(async (content) => ask("chat", { messages: [{ role: "user", content }] })),
    );
    expect(answers.map(({ text }) => said(parseNdjson(text)))).toEqual(
      words.map((word) => word.repeat(20)),
    );
  });
});

describe("thoughts", () => {
  test.each(["chat", "generate"] as const)("of %s are told as thoughts", async (kind) => {
    const steps = [sse(chunk({ reasoning_content: "Hm." }), chunk({ content: "Yes." })), end];
    const lines = await linesOf({ steps }, kind);
    expect(said(lines, "thinking")).toBe("Hm.");
    expect(said(lines)).toBe("Yes.");
  });

  test("in the text are told apart wherever their tags are cut", async () => {
    const text = "<think>\nRome?\n</think>\n\nIt is <b>warm</b>.";
    for (let at = 0; at <= text.length; at += 1) {
      const pieces = [text.slice(0, at), text.slice(at)];
      const lines = await linesOf({
        steps: [sse(...pieces.map((content) => chunk({ content }))), end],
      });
      expect(said(lines, "thinking"), `cut at ${at}`).toBe("Rome?\n");
      expect(said(lines), `cut at ${at}`).toBe("It is <b>warm</b>.");
    }
  });
});

describe("tool calls", () => {
  const fragment = (index: number, part: object, name?: string, id?: string) => ({
    index,
    ...(id === undefined ? {} : { id, type: "function" }),
    function: { ...(name === undefined ? {} : { name }), ...part },
  });
  const pieces = (...fragments: object[]) =>
    sse(...fragments.map((one) => chunk({ tool_calls: [one] })));

  test("of one tool are each told once, whole, as objects, and before the last line", async () => {
    const first = [
      fragment(0, { arguments: "" }, "weather", "a"),
      fragment(0, { arguments: '{"city":"Ro' }),
      fragment(0, { arguments: 'me"}' }),
    ];
    const second = [
      fragment(1, { arguments: '{"city":' }, "weather", "b"),
      fragment(1, { arguments: '"Oslo"}' }),
    ];
    const finish = sse(chunk({}, "tool_calls"), "[DONE]");
    const lines = await linesOf({ steps: [pieces(...first, ...second), finish] });
    expect(callsOf(lines)).toEqual([
      { id: "a", function: { index: 0, name: "weather", arguments: { city: "Rome" } } },
      { id: "b", function: { index: 1, name: "weather", arguments: { city: "Oslo" } } },
    ]);
    expect(callsOf(lines.slice(-1))).toEqual([]);
  });

  test.each([
    ["in one event", 200_000],
    ["in pieces", 900],
  ])("may have arguments of 200 kB (%s)", async (_, size) => {
    const text = "0123456789abcdef".repeat(12_500);
    const given = JSON.stringify({ text });
    const count = Math.ceil(given.length / size);
    const parts = Array.from({ length: count }, (__, index) =>
      fragment(0, { arguments: given.slice(index * size, (index + 1) * size) }),
    );
    const steps = [pieces(fragment(0, { arguments: "" }, "save", "a"), ...parts), end];
    expect(callsOf(await linesOf({ steps }))).toMatchObject([
      { function: { name: "save", arguments: { text } } },
    ]);
  });

  test("are never half told where their arguments are broken", async () => {
    upstream.play({ steps: [pieces(fragment(0, { arguments: '{"city":' }, "f", "a")) + end] });
    const { status, text } = await ask("chat");
    expect(status).toBe(502);
    expect(text).not.toContain("tool_calls");
  });

  const call = (name: string, city: string) => ({ function: { name, arguments: { city } } });
  const turn = (...tool_calls: object[]) => ({ role: "assistant", content: "", tool_calls });
  const result = (tool_name: string, content: string) => ({ role: "tool", tool_name, content });

  test("find their results again, by name and order, also where a tool was called twice", async () => {
    const { messages } = await sent("chat", {
      messages: [
        ...prompts.chat.messages,
        turn(call("weather", "Rome"), call("time", "Oslo"), call("weather", "Bern")),
        result("time", "Oslo: noon"),
        result("weather", "Rome: warm"),
        result("weather", "Bern: cold"),
        turn(call("weather", "Rome")),
        result("weather", "Rome: hot"),
      ],
    });
    const calls = messages.flatMap(({ tool_calls = [] }) => tool_calls);
    expect(new Set(calls.map(({ id }) => id)).size, "ids, over all turns").toBe(4);
    const results = messages.filter(({ role }) => role === "tool");
    expect(results).toHaveLength(4);
    for (const { tool_call_id, content } of results) {
      const called = calls.find(({ id }) => id === tool_call_id)?.function.arguments ?? "{}";
      expect(content).toContain((JSON.parse(called) as { city: string }).city);
    }
    expect(results.at(-1)?.tool_call_id).toBe(calls.at(-1)?.id);
  });
});

/** How files of each kind begin. */
const images = {
  "image/png": "\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
  "image/jpeg": "\xff\xd8\xff\xe0\0\x10JFIF\0",
  "image/webp": "RIFF\x1a\0\0\0WEBPVP8L",
  "image/gif": "GIF89a\x01\0\x01\0\x80\0",
  "image/bmp": "BM\x3a\0\0\0\0\0\0\0\x36\0",
  "image/avif": "\0\0\0\x20ftypavif\0\0\0\0avifmif1",
  "image/heic": "\0\0\0\x18ftypheic\0\0\0\0mif1heic",
};

describe("the backend is sent", () => {
  test.each(Object.entries(images))("images with their true type: %s", async (type, bytes) => {
    const base64 = Buffer.from(bytes, "latin1").toString("base64");
    const image_url = { url: `data:${type};base64,${base64}` };
    const content = [
      { type: "text", text: "hi" },
      { type: "image_url", image_url },
    ];
    const message = { ...prompts.chat.messages[0], images: [base64] };
    const chat = await sent("chat", { messages: [message] });
    const generate = await sent("generate", { images: [base64] });
    for (const { messages } of [chat, generate])
      expect(messages).toEqual([{ role: "user", content }]);
  });

  test("messages in their roles", async () => {
    const messages = ["system", "user", "assistant", "user"].map((role) => ({
      role,
      content: role,
    }));
    expect((await sent("chat", { messages })).messages).toEqual(messages);
  });

  test("the system prompt of generate as a message of its own", async () => {
    expect((await sent("generate", { system: "Be kind." })).messages).toEqual([
      { role: "system", content: "Be kind." },
      { role: "user", content: "hi" },
    ]);
  });

  test("options under its own names, and none that means something else", async () => {
    const options = { num_predict: 5, repeat_penalty: 1.2, seed: 7, stop: ["x"], num_ctx: 8192 };
    const body = await sent("chat", { options });
    expect(body).toMatchObject({ max_tokens: 5, repeat_penalty: 1.2, seed: 7, stop: ["x"] });
    for (const name of ["options", "num_predict", "num_ctx", "frequency_penalty"]) {
      expect(body).not.toHaveProperty(name);
    }
  });

  test("a schema in its wrapper, and JSON without one", async () => {
    const schema = { type: "object", properties: { a: { type: "string" } } };
    expect(await sent("chat", { format: schema })).toMatchObject({
      response_format: { type: "json_schema", json_schema: { name: "response", schema } },
    });
    expect(await sent("chat", { format: "json" })).toMatchObject({
      response_format: { type: "json_object" },
    });
  });

  test("the switch for thinking", async () => {
    expect(await sent("chat", { think: false })).toMatchObject({
      chat_template_kwargs: { enable_thinking: false },
    });
  });

  test("what real clients send, whole numbers with a point and empty fields among it", async () => {
    const body = `{"model":"m","messages":[{"role":"user","content":"hi"}],"format":"","tools":[],
      "keep_alive":300,"options":{"num_ctx":8192.0,"num_predict":64.0,"top_k":40.7,"seed":null}}`;
    upstream.play(well);
    expect(await post("/api/chat", body)).toMatchObject({ status: 200 });
    const asked = bodyOf(upstream.requests.at(-1));
    expect(asked).toMatchObject({ max_tokens: 64, top_k: 40 });
    for (const name of ["tools", "response_format", "seed"]) expect(asked).not.toHaveProperty(name);
  });
});

describe("embeddings", () => {
  const base64 = (...values: number[]) =>
    Buffer.from(Float32Array.from(values).buffer).toString("base64");

  test.each<[form: string, first: unknown, second: unknown]>([
    ["numbers", [3, 4], [0, 2]],
    ["base64", base64(3, 4), base64(0, 2)],
  ])("are 1 long and in the order of their texts, told in any order as %s", async (_, ...told) => {
    const data = told.map((embedding, index) => ({ object: "embedding", index, embedding }));
    upstream.play(json(200, { data: data.toReversed(), usage: { prompt_tokens: 9 } }));
    const { status, text } = await post("/api/embed", '{"model":"m","input":["a","b"]}');
    expect(status).toBe(200);
    const { embeddings, prompt_eval_count } = JSON.parse(text) as {
      embeddings: number[][];
      prompt_eval_count: number;
    };
    expect(embeddings).toEqual([
      [expect.closeTo(0.6, 6), expect.closeTo(0.8, 6)],
      [0, 1],
    ]);
    expect(prompt_eval_count).toBe(9);
  });

  test("of the older route have its own shape", async () => {
    upstream.play(json(200, { data: [{ index: 0, embedding: [3, 4] }] }));
    const { text } = await post("/api/embeddings", '{"model":"m","prompt":"a"}');
    expect(JSON.parse(text)).toEqual({ embedding: [3, 4] });
  });
});

describe("a client is not told", () => {
  test("that the server is down when only its backend is", async () => {
    const gone = await startScriptedUpstream();
    const alone = await startProxy({ upstreamUrl: gone.baseUrl });
    await gone.close();
    for (const method of ["GET", "HEAD"]) {
      expect((await fetch(alone.url, { method })).status).toBe(200);
    }
    await alone.close();
  });

  test.each([
    ["DELETE", "/api/delete", { model: "nope" }],
    ["POST", "/api/copy", { source: "nope", destination: "x" }],
    ["HEAD", `/api/blobs/sha256:${"0".repeat(64)}`, undefined],
  ])("that something was done which was not: %s %s", async (method, path, body) => {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
    const response = await fetch(proxy.url + path, init);
    expect(response.status).toBe(404);
    expect(await response.text()).not.toContain("success");
  });
});
