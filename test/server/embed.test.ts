import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  json,
  startScriptedUpstream,
  type RecordedRequest,
  type Script,
  type ScriptedUpstream,
} from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";

let upstream: ScriptedUpstream;
let proxy: StartedProxy;

beforeAll(async () => {
  upstream = await startScriptedUpstream({ models: [{ id: "m" }, { id: "talker" }] });
  proxy = await startProxy({
    upstreamUrl: upstream.baseUrl,
    config: { models: { talker: { capabilities: ["completion"] } } },
  });
});
afterAll(async () => {
  await proxy.close();
  await upstream.close();
});
beforeEach(() => {
  upstream.play(lengths);
});

function inputOf(request: RecordedRequest | undefined): string[] {
  return (JSON.parse(request?.body ?? "{}") as { input: string[] }).input;
}

/** A backend whose vector of a text is its length and 1. */
function lengths(request: RecordedRequest): Script {
  const input = inputOf(request);
  const data = input.map((text, index) => ({ index, embedding: [text.length, 1] }));
  return json(200, { object: "list", data, usage: { prompt_tokens: input.length } });
}

async function post(path: string, body: unknown, signal?: AbortSignal) {
  const answer = await fetch(proxy.url + path, {
    method: "POST",
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: JSON.parse(text) as object };
}

const embed = async (body: object) => post("/api/embed", { model: "m", ...body });
const unit = (length: number) => [
  expect.closeTo(length / Math.hypot(length, 1), 6),
  expect.closeTo(1 / Math.hypot(length, 1), 6),
];

describe("/api/embed", () => {
  test.each([
    ["a text", "abc", ["abc"]],
    ["texts", ["abc", "abcd"], ["abc", "abcd"]],
  ])("embeds %s", async (_, input, sent) => {
    expect(await embed({ input })).toMatchObject({
      status: 200,
      body: {
        model: "m",
        embeddings: sent.map((text) => unit(text.length)),
        total_duration: expect.any(Number),
        load_duration: expect.any(Number),
        prompt_eval_count: sent.length,
      },
    });
    const request = upstream.requests.at(-1);
    expect(request?.path).toBe("/v1/embeddings");
    expect(JSON.parse(request?.body ?? "")).toEqual({ model: "m", input: sent });
  });

  test("calls the model as the client does", async () => {
    expect(await embed({ model: "M:latest", input: "a" })).toMatchObject({
      body: { model: "M:latest" },
    });
    expect(JSON.parse(upstream.requests.at(-1)?.body ?? "")).toMatchObject({ model: "m" });
  });

  test("cuts to the dimensions, and makes the rest 1 long again", async () => {
    expect(await embed({ input: "abc", dimensions: 1 })).toMatchObject({
      body: { embeddings: [[1]] },
    });
  });

  test("keeps the order of very many texts", async () => {
    const input = Array.from({ length: 5000 }, (_, place) => "x".repeat(1 + (place % 97)));
    const asked = upstream.requests.length;
    const { body } = await embed({ input });
    expect(body).toMatchObject({ prompt_eval_count: 5000 });
    const { embeddings } = body as { embeddings: number[][] };
    const found = embeddings.map(([length = 0, one = 0]) => Math.round(length / one));
    expect(found).toEqual(input.map((text) => text.length));
    expect(upstream.requests.length - asked).toBe(3);
  });

  test.each([{}, { input: null }, { input: "" }, { input: [] }])(
    "asks no backend for %j",
    async (body) => {
      const asked = upstream.requests.length;
      const answer = await embed(body);
      expect(answer).toMatchObject({ status: 200, body: { model: "m", embeddings: [] } });
      expect(Object.keys(answer.body)).toEqual(["model", "embeddings"]);
      expect(upstream.requests).toHaveLength(asked);
    },
  );

  test.each<[body: object, status: number, error: string]>([
    [{ input: 5 }, 400, "invalid input type"],
    [{ input: ["a", 5] }, 400, "invalid input type"],
    [{ input: {} }, 400, "invalid input type"],
    [{ input: 5, model: "nope" }, 400, "invalid input type"],
    [
      { input: ["a", ""] },
      400,
      "input exceeds maximum context length and cannot be truncated further",
    ],
    [{ input: "a", dimensions: 1.5 }, 400, "dimensions: expected int, received number"],
    [{ input: "a", truncate: "no" }, 400, "truncate: expected boolean, received string"],
    [{ input: "a", options: { seed: "x" } }, 400, 'option "seed" must be of type integer'],
    [{ input: "a", model: "nope" }, 404, 'model "nope" not found, try pulling it first'],
    [{ input: "", model: "nope" }, 404, 'model "nope" not found, try pulling it first'],
    [{ input: "a", model: "" }, 404, "model '' not found"],
    [{ input: "a", model: "talker" }, 400, '"talker" does not support embeddings'],
  ])("refuses %j by itself", async (body, status, error) => {
    const asked = upstream.requests.length;
    expect(await embed(body)).toMatchObject({ status, body: { error } });
    expect(upstream.requests).toHaveLength(asked);
  });

  test("names what no backend can be told", async () => {
    const body = { input: "a", colour: "red", options: { num_ctx: 5, seed: 1, odd: 1 } };
    const { status, headers } = await embed(body);
    expect(status).toBe(200);
    expect(headers.get("x-proxy-ignored")).toBe(
      "colour, options.num_ctx, options.seed, options.odd",
    );
    expect((await embed({ input: "a", truncate: false })).headers.has("x-proxy-ignored")).toBe(
      false,
    );
  });

  test("loads and unloads the model", async () => {
    await embed({ input: "a", keep_alive: -1 });
    const running = await (await fetch(`${proxy.url}/api/ps`)).json();
    expect(running).toMatchObject({ models: [{ name: "m:latest" }] });
    await embed({ input: "", keep_alive: 0 });
    expect(await (await fetch(`${proxy.url}/api/ps`)).json()).toEqual({ models: [] });
  });
});

describe("/api/embeddings", () => {
  const old = async (body: object) => post("/api/embeddings", { model: "m", ...body });

  test("gives the backend's vector as it is", async () => {
    upstream.play(json(200, { data: [{ index: 0, embedding: [3, 0.1] }] }));
    expect(await old({ prompt: "abc" })).toMatchObject({
      status: 200,
      body: { embedding: [3, Math.fround(0.1)] },
    });
    expect(JSON.parse(upstream.requests.at(-1)?.body ?? "")).toEqual({
      model: "m",
      input: ["abc"],
    });
  });

  test.each([{}, { prompt: "" }, { prompt: null }])("asks no backend for %j", async (body) => {
    const asked = upstream.requests.length;
    expect(await old(body)).toMatchObject({ status: 200, body: { embedding: [] } });
    expect(upstream.requests).toHaveLength(asked);
  });

  test.each<[body: object, status: number, error: string]>([
    [{ prompt: "x", model: "" }, 400, "model is required"],
    [{ prompt: "x", model: "nope" }, 404, 'model "nope" not found, try pulling it first'],
    [{ prompt: "x", model: "talker" }, 400, '"talker" does not support embeddings'],
    [{ prompt: 5 }, 400, "prompt: expected string, received number"],
  ])("refuses %j", async (body, status, error) => {
    expect(await old(body)).toMatchObject({ status, body: { error } });
  });
});

describe("a backend's failure is told", () => {
  test.each<[what: string, script: Script, status: number, error: string]>([
    ["a refusal", json(400, { error: { message: "no such thing" } }), 400, "no such thing"],
    [
      "an unknown model",
      json(404, { error: { message: "The model `m` does not exist" } }),
      404,
      'model "m" not found, try pulling it first',
    ],
    [
      "no such route",
      json(404, { detail: "Not Found" }),
      400,
      'upstream "a" does not support embeddings',
    ],
    [
      "a model that only talks",
      json(404, { error: { message: "The model does not support Embeddings API" } }),
      400,
      "The model does not support Embeddings API",
    ],
    [
      "llama.cpp without embeddings",
      json(501, { error: { code: 501, message: "This server does not support embeddings." } }),
      501,
      "This server does not support embeddings.",
    ],
    ["no key", json(401, { error: "no" }), 502, 'upstream "a" rejected the proxy\'s credentials'],
    [
      "an error that comes as a success",
      json(200, { error: { message: "boom", code: 500 } }),
      500,
      "boom",
    ],
    [
      "fewer vectors than texts",
      json(200, { data: [] }),
      502,
      'upstream "a" returned an invalid response',
    ],
    [
      "a vector with holes",
      json(200, { data: [{ embedding: [1, null] }] }),
      502,
      'upstream "a" returned an invalid response',
    ],
    [
      "something else",
      { headers: { "content-type": "application/json" }, steps: ["[1, 2"] },
      502,
      'upstream "a" returned an invalid response',
    ],
  ])("%s", async (_what, script, status, error) => {
    upstream.play(script);
    expect(await embed({ input: "a secret" })).toMatchObject({ status, body: { error } });
  });

  test("with the time to wait", async () => {
    upstream.play(json(429, { error: "slow down" }, { "retry-after": "7" }));
    const { status, headers } = await embed({ input: "a" });
    expect([status, headers.get("retry-after")]).toEqual([429, "7"]);
  });

  test("and logged, with no text and no word of the backend", async () => {
    const logged = proxy.logs.length;
    upstream.play(json(400, { error: { message: "I can't read: a secret" } }));
    await embed({ input: "a secret" });
    upstream.play(lengths);
    await embed({ input: "a secret" });
    const [failure, success] = proxy.logs.slice(logged);
    const fields = { route: "/api/embed", model: "m:latest", upstream: "a", texts: 1 };
    expect(failure).toMatchObject({ ...fields, msg: "did not answer", outcome: "refused" });
    expect(success).toMatchObject({ ...fields, msg: "answered", outcome: "ok" });
    expect(JSON.stringify(proxy.logs)).not.toContain("secret");
  });
});

test("a text that is too long is cut, and the others are not", async () => {
  upstream.play((request) => {
    const longest = Math.max(...inputOf(request).map((text) => text.length));
    if (longest <= 100) return lengths(request);
    const message = `input (${longest} tokens) is too large to process. increase the physical batch size (current batch size: 100)`;
    return json(500, { error: { code: 500, message, type: "server_error" } });
  });
  const input = ["x".repeat(100), "x".repeat(1000)];
  expect(await embed({ input })).toMatchObject({
    status: 200,
    body: { embeddings: [unit(100), unit(95)] },
  });
  expect(await embed({ input, truncate: false })).toMatchObject({
    status: 400,
    body: { error: "the input length exceeds the context length" },
  });
});

describe("a backend", () => {
  /** A proxy of its own, which has learned nothing yet. */
  async function through(
    config: NonNullable<Parameters<typeof startProxy>[0]["config"]>,
    use: (post: (body: object) => Promise<Response>) => Promise<void>,
  ) {
    const other = await startProxy({ upstreamUrl: upstream.baseUrl, config });
    try {
      await use(async (body) =>
        fetch(`${other.url}/api/embed`, {
          method: "POST",
          body: JSON.stringify({ model: "m", ...body }),
        }),
      );
    } finally {
      await other.close();
    }
  }
  const dialect = (id: "groq" | "nim", overrides: object = {}) => ({
    upstreams: [{ id: "a", base_url: upstream.baseUrl, dialect: id, overrides }],
  });

  test("that has no embeddings is not asked", async () => {
    const asked = upstream.requests.length;
    await through(dialect("groq"), async (send) => {
      const answer = await send({ input: "a" });
      expect(answer.status).toBe(400);
      expect(await answer.json()).toEqual({ error: 'upstream "a" does not support embeddings' });
    });
    expect(upstream.requests).toHaveLength(asked);
  });

  test("is asked in its dialect, and not again for what it refused", async () => {
    upstream.play((request) =>
      request.body.includes("output_dimension")
        ? json(422, { detail: [{ loc: ["body", "output_dimension"], msg: "not permitted" }] })
        : lengths(request),
    );
    const asked = upstream.requests.length;
    const fields = { input_type: "passage" };
    const embeddings = { batch: 50, dimensions: "output_dimension", fields };
    await through(dialect("nim", { embeddings }), async (send) => {
      for (const _ of [1, 2]) {
        const answer = await send({ input: "a", dimensions: 1 });
        expect(await answer.json()).toMatchObject({ embeddings: [[1]] });
      }
    });
    const body = { model: "m", input: ["a"], ...fields };
    expect(upstream.requests.slice(asked).map((request) => JSON.parse(request.body))).toEqual([
      { ...body, output_dimension: 1 },
      body,
      body,
    ]);
  });

  test("is not asked what it can't be told, where the configuration is strict", async () => {
    await through({ strict: true }, async (send) => {
      expect((await send({ input: "a", keep_alive: 5 })).status).toBe(200);
      const answer = await send({ input: "a", options: { seed: 1 } });
      expect(answer.status).toBe(400);
      expect(await answer.json()).toEqual({
        error: "this backend can't be told: options.seed",
      });
    });
  });
});

describe("the backend's work ends", () => {
  const hanging: Script = {
    headers: { "content-type": "application/json" },
    steps: [{ hang: true }],
  };

  /** Starts a request of three batches that the backend never answers. */
  async function startHanging(signal?: AbortSignal) {
    upstream.play(hanging);
    const asked = upstream.requests.length;
    const answer = post("/api/embed", { model: "m", input: Array(5000).fill("x") }, signal);
    answer.catch(() => {});
    await expect.poll(() => upstream.requests.length - asked, { timeout: 5_000 }).toBe(3);
    return { answer, requests: upstream.requests.slice(asked) };
  }

  test("when the client leaves", async () => {
    const client = new AbortController();
    const { answer, requests } = await startHanging(client.signal);
    client.abort();
    await expect(answer).rejects.toThrow(/abort/iu);
    for (const request of requests) {
      await expect.poll(() => request.closedAt, { timeout: 2_000 }).toBeTypeOf("number");
    }
    await expect
      .poll(() => proxy.logs.at(-1), { timeout: 2_000 })
      .toMatchObject({ outcome: "client_closed" });
  });

  test("when one of several batches has failed", async () => {
    let first: RecordedRequest | undefined;
    upstream.play((request) => {
      first ??= request;
      if (request !== first) return hanging;
      return { ...json(400, {}), steps: [{ wait: 200 }, JSON.stringify({ error: "no" })] };
    });
    const asked = upstream.requests.length;
    expect(await embed({ input: Array(5000).fill("x") })).toMatchObject({ status: 400 });
    for (const request of upstream.requests.slice(asked)) {
      if (request !== first) {
        await expect.poll(() => request.closedAt, { timeout: 2_000 }).toBeTypeOf("number");
      }
    }
  });

  test("when the proxy stops", async () => {
    const other = await startProxy({ upstreamUrl: upstream.baseUrl });
    upstream.play(hanging);
    const asked = upstream.requests.length;
    const answer = fetch(`${other.url}/api/embed`, {
      method: "POST",
      body: JSON.stringify({ model: "m", input: "x" }),
    });
    await expect.poll(() => upstream.requests.length - asked, { timeout: 5_000 }).toBe(1);
    await other.close();
    expect((await answer).status).toBe(503);
    expect(await (await answer).json()).toEqual({ error: "server is shutting down" });
  });
});
