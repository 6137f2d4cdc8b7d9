import { afterEach, beforeEach, describe, expect, test } from "vitest";
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

beforeEach(async () => {
  upstream = await startScriptedUpstream();
});
afterEach(async () => {
  await proxy.close();
  await upstream.close();
});

const well: Script = { steps: [sse(chunk({ content: "well" }), chunk({}, "stop"), "[DONE]")] };
const messages = [{ role: "user", content: "hi" }];

async function start(config: object = {}): Promise<void> {
  proxy = await startProxy({ upstreamUrl: upstream.baseUrl, config });
}

async function ask(body: object, path = "/api/chat") {
  const response = await fetch(`${proxy.url}${path}`, {
    method: "POST",
    body: JSON.stringify({ model: "m", messages, stream: false, ...body }),
  });
  const answer = (await response.json()) as { message?: { content: string }; error?: string };
  const ignored = response.headers.get("x-proxy-ignored");
  return { status: response.status, text: answer.message?.content, error: answer.error, ignored };
}

const sent = (request: RecordedRequest | undefined) =>
  JSON.parse(request?.body ?? "{}") as Record<string, unknown> & {
    messages: { content: string }[];
  };

/** Refuses these fields one after the other, as Groq words it, and then answers. */
function refusing(...fields: string[]) {
  return (request: RecordedRequest): Script => {
    const field = fields.find((name) => Object.hasOwn(sent(request), name));
    return field === undefined
      ? well
      : json(400, { error: { message: `property '${field}' is unsupported` } });
  };
}

const options = { top_k: 1, min_p: 0.1, repeat_penalty: 1.1, temperature: 0.5 };

describe("a field that the backend refuses", () => {
  test.each([true, false])(
    "is left out of a second try, and named (stream: %j)",
    async (stream) => {
      await start();
      upstream.play(refusing("top_k"));
      const response = await fetch(`${proxy.url}/api/chat`, {
        method: "POST",
        body: JSON.stringify({ model: "m", messages, options, stream }),
      });
      expect(response.status).toBe(200);
      expect(await response.text()).toContain("well");
      expect(response.headers.get("x-proxy-ignored")).toBe("options.top_k");
      expect(upstream.requests.map((request) => "top_k" in sent(request))).toEqual([true, false]);
      expect(sent(upstream.requests[1])).toMatchObject({ min_p: 0.1, temperature: 0.5 });
    },
  );

  test("is remembered: the next request is right the first time", async () => {
    await start();
    upstream.play(refusing("top_k"));
    await ask({ options });
    expect(await ask({ options })).toMatchObject({ status: 200, ignored: "options.top_k" });
    expect(upstream.requests).toHaveLength(3);
    const learned = proxy.logs.filter(({ msg }) => msg === "learned from a refusal");
    expect(learned).toMatchObject([{ upstream: "a", model: "m:latest", lesson: "left out top_k" }]);
  });

  test("is remembered of the one model only", async () => {
    await proxy?.close().catch(() => {});
    await upstream.close();
    upstream = await startScriptedUpstream({ models: [{ id: "m" }, { id: "other" }] });
    await start();
    upstream.play(refusing("top_k"));
    await ask({ options });
    await ask({ options, model: "other" });
    expect(upstream.requests).toHaveLength(4);
  });

  test("is learned by requests at the same time, which all are answered", async () => {
    await start();
    upstream.play(refusing("top_k"));
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask({ options })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  });

  test("is not remembered where leaving it out did not help", async () => {
    await start();
    const error = { message: "Invalid content: 'set \"top_k\"' is not supported" };
    upstream.play(json(400, { error }));
    expect(await ask({ options })).toMatchObject({ status: 400 });
    upstream.play(well);
    expect(await ask({ options })).toMatchObject({ status: 200, ignored: null });
    expect(sent(upstream.requests.at(-1))).toMatchObject({ top_k: 1 });
  });

  test("is left out also once the headers had to leave", async () => {
    await start({ commit_after: 0.02 });
    upstream.play((request) =>
      "top_k" in sent(request)
        ? { ...json(400, { error: { message: "property 'top_k' is unsupported" } }), raw: false }
        : well,
    );
    const slow = upstream.requests.length;
    const response = await fetch(`${proxy.url}/api/chat`, {
      method: "POST",
      body: JSON.stringify({ model: "m", messages, options }),
    });
    expect(await response.text()).toContain("well");
    expect(upstream.requests.length - slow).toBe(2);
  });

  test("may be several, but not more than four of one request", async () => {
    await start();
    upstream.play(refusing("top_k", "min_p", "repeat_penalty"));
    expect(await ask({ options })).toMatchObject({ status: 200, text: "well" });
    upstream.play(refusing("repetition_penalty", "temperature", "seed", "top_p", "max_tokens"));
    const many = { ...options, seed: 1, top_p: 0.5, num_predict: 5 };
    expect(await ask({ options: many })).toMatchObject({
      status: 400,
      error: "property 'max_tokens' is unsupported",
    });
    expect(upstream.requests).toHaveLength(4 + 5);
  });

  test("makes the request an error with strict, after the lesson too", async () => {
    await start({ strict: true });
    upstream.play(refusing("top_k"));
    const refused = { status: 400, error: "this backend can't be told: options.top_k" };
    expect(await ask({ options })).toMatchObject(refused);
    expect(await ask({ options })).toMatchObject(refused);
    // The words that would do were never tried, so they are not known to be right.
    expect(upstream.requests).toHaveLength(2);
  });

  test("may be refused within a success response, before anything else", async () => {
    await start();
    upstream.play((request) =>
      "top_k" in sent(request)
        ? { steps: [`event: error\n${sse({ error: { message: "Unknown parameter: 'top_k'" } })}`] }
        : well,
    );
    expect(await ask({ options })).toMatchObject({ status: 200, text: "well" });
  });
});

describe("nothing is tried again", () => {
  test.each([
    [401, "property 'top_k' is unsupported", 502],
    [403, "property 'top_k' is unsupported", 502],
    [429, "property 'top_k' is unsupported", 429],
    [500, "property 'top_k' is unsupported", 500],
    [503, "property 'top_k' is unsupported", 503],
    [400, "property 'messages' is unsupported", 400],
    [400, "property 'tools' is unsupported", 400],
  ])("after %i %s", async (status, message, told) => {
    await start();
    upstream.play(json(status, { error: { message } }));
    expect((await ask({ options })).status).toBe(told);
    expect(upstream.requests).toHaveLength(1);
  });

  test("once the answer has begun", async () => {
    await start();
    const refusal = sse({ error: { message: "property 'top_k' is unsupported", code: 400 } });
    upstream.play({ steps: [sse(chunk({ content: "well" })), refusal] });
    const answer = await ask({ options });
    expect(answer).toMatchObject({ status: 502 });
    expect(answer.error).toContain("property 'top_k' is unsupported");
    expect(upstream.requests).toHaveLength(1);
  });

  test("in other words where the model is unknown or takes no tools", async () => {
    await start();
    upstream.play(json(400, { error: { message: "Model Not Exist" } }));
    expect(await ask({})).toMatchObject({ status: 404, error: "model 'm' not found" });
    upstream.play(json(400, { error: { message: "m does not support tools" } }));
    const tools = [{ type: "function", function: { name: "f" } }];
    expect(await ask({ tools })).toMatchObject({
      status: 400,
      error: "registry.ollama.ai/library/m:latest does not support tools",
    });
    expect(upstream.requests).toHaveLength(2);
  });
});

describe("a conversation that has outgrown the context", () => {
  const long = Array.from({ length: 10 }, (_, index) => ({
    role: index % 2 === 0 ? "user" : "assistant",
    content: `turn ${index} `.repeat(10),
  }));
  const conversation = [{ role: "system", content: "system" }, ...long, ...messages];
  const overflow =
    "the prompt is longer than the context length currently available to the model; shorten the prompt, adjust the context length in settings, or use a model with a longer context length";

  const refusesMoreThan =
    (most: number) =>
    (request: RecordedRequest): Script => {
      const tokens = sent(request).messages.length * 100;
      return tokens <= most
        ? well
        : json(400, {
            error: {
              message: `maximum context length is ${most} tokens, you sent ${tokens} tokens`,
            },
          });
    };

  test("loses its oldest turns", async () => {
    await start();
    upstream.play(refusesMoreThan(600));
    expect(await ask({ messages: conversation })).toMatchObject({
      status: 200,
      text: "well",
      ignored: "messages.oldest",
    });
    const kept = sent(upstream.requests.at(-1)).messages.map(({ content }) => content);
    expect(kept[0]).toBe("system");
    expect(kept.at(-2)).toBe(long.at(-1)?.content);
    expect(kept.at(-1)).toBe("hi");
    expect(upstream.requests.length).toBeLessThanOrEqual(4);
  });

  test("is refused in Ollama's words when nothing more can go", async () => {
    await start();
    upstream.play(refusesMoreThan(100));
    expect(await ask({ messages: conversation })).toMatchObject({ status: 400, error: overflow });
    expect(upstream.requests.length).toBeLessThanOrEqual(4);
    expect(await ask({})).toMatchObject({ status: 200 });
  });

  test("is refused at once with truncate: false", async () => {
    await start();
    upstream.play(refusesMoreThan(600));
    const refused = { status: 400, error: overflow };
    expect(await ask({ messages: conversation, truncate: false })).toMatchObject(refused);
    expect(upstream.requests).toHaveLength(1);
  });

  test("keeps its turns where a smaller output limit is enough", async () => {
    await start();
    const message = "Request length 4000 + 2048 is greater than max_seq_len 4096";
    upstream.play((request) =>
      sent(request)["max_tokens"] === 2048 ? json(400, { error: { message } }) : well,
    );
    const answer = await ask({ messages: conversation, options: { num_predict: 2048 } });
    expect(answer).toMatchObject({ status: 200, ignored: "options.num_predict" });
    expect(sent(upstream.requests[1])).toMatchObject({ max_tokens: 96 });
    expect(sent(upstream.requests[1]).messages).toHaveLength(conversation.length);
  });

  test("keeps the backend's words on /v1", async () => {
    await start();
    upstream.play(refusesMoreThan(600));
    const { status, error } = await ask({ messages: conversation }, "/v1/chat/completions");
    expect(status).toBe(400);
    expect(error).toMatchObject({
      message: expect.stringContaining("maximum context length is 600"),
    });
  });
});
