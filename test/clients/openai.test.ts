import { BadRequestError, InternalServerError, NotFoundError, RateLimitError } from "openai";
import { describe, expect, test } from "vitest";
import { INTRODUCTION } from "../../src/demo/replies.ts";
import { chunk, json, sse, type Step } from "../support/scripted-upstream.ts";
import { collect, png, useProxiedDemo, useProxiedScript, weatherTool } from "./proxied.ts";

const messages = [{ role: "user" as const, content: "Hello there" }];

describe("the openai package, through us to a backend", () => {
  const { getOpenAI } = useProxiedDemo();

  test("completes a chat", async () => {
    const answer = await getOpenAI().chat.completions.create({ model: "demo", messages });
    expect(answer.object).toBe("chat.completion");
    expect(answer.choices[0]?.message.content).toMatch(/You wrote: Hello there$/u);
    expect(answer.choices[0]?.finish_reason).toBe("stop");
    expect(answer.usage?.total_tokens).toBeGreaterThan(2);
  });

  test("streams a chat: the same text, one finish, the usage that was asked for", async () => {
    const openai = getOpenAI();
    const request = { model: "demo", messages, stream_options: { include_usage: true } };
    const chunks = await collect(
      await openai.chat.completions.create({ ...request, stream: true }),
    );
    const answer = await openai.chat.completions.create({ model: "demo", messages });
    const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");
    expect(text).toBe(answer.choices[0]?.message.content);
    expect(
      chunks.filter(({ choices }) => typeof choices[0]?.finish_reason === "string"),
    ).toHaveLength(1);
    expect(chunks.at(-1)?.usage).toEqual(answer.usage);
  });

  test("tells no usage that was not asked for", async () => {
    const chunks = await collect(
      await getOpenAI().chat.completions.create({ model: "demo", messages, stream: true }),
    );
    expect(chunks.some((part) => typeof part.usage === "object" && part.usage !== null)).toBe(
      false,
    );
  });

  test.each(["demo:latest", "DEMO"])("knows the model as %s", async (model) => {
    const answer = await getOpenAI().chat.completions.create({ model, messages });
    expect(answer.model).toBe("demo");
  });

  test("calls a tool and answers with its result, streaming and not", async () => {
    const openai = getOpenAI();
    const asked = {
      model: "demo",
      messages: [{ role: "user" as const, content: "Weather in Rome" }],
      tools: [weatherTool],
    };
    const answer = await openai.chat.completions.create(asked);
    const call = answer.choices[0]?.message.tool_calls?.[0];
    expect(call).toMatchObject({
      type: "function",
      function: { name: "get_weather", arguments: '{"city":"Rome"}' },
    });
    const stream = openai.chat.completions.stream(asked);
    const streamed = (await stream.finalChatCompletion()).choices[0]?.message.tool_calls?.[0];
    expect(streamed).toMatchObject({
      function: { name: "get_weather", arguments: '{"city":"Rome"}' },
    });
    const second = await openai.chat.completions.create({
      model: "demo",
      messages: [
        ...asked.messages,
        { role: "assistant", tool_calls: answer.choices[0]?.message.tool_calls ?? [] },
        { role: "tool", tool_call_id: call?.id ?? "", content: "20 degrees" },
      ],
    });
    expect(second.choices[0]?.message.content).toContain("get_weather answered: 20 degrees");
  });

  test("passes on a schema, log probabilities and images", async () => {
    const openai = getOpenAI();
    const schema = { type: "object", required: ["name"], properties: { name: { type: "string" } } };
    const formatted = await openai.chat.completions.create({
      model: "demo",
      messages: [{ role: "user", content: "Tell me of Ada" }],
      response_format: { type: "json_schema", json_schema: { name: "person", schema } },
      logprobs: true,
      top_logprobs: 1,
    });
    expect(JSON.parse(formatted.choices[0]?.message.content ?? "")).toEqual({ name: "Ada" });
    expect(formatted.choices[0]?.logprobs?.content?.length).toBeGreaterThan(0);
    const image_url = { url: `data:image/png;base64,${png}` };
    const seen = await openai.chat.completions.create({
      model: "demo",
      messages: [{ role: "user", content: [{ type: "image_url", image_url }] }],
    });
    expect(seen.choices[0]?.message.content).toContain("You sent 1 image: image/png.");
  });

  test("completes a text, streaming and not", async () => {
    const openai = getOpenAI();
    const request = { model: "demo", prompt: "Once" };
    const answer = await openai.completions.create(request);
    expect(answer.choices[0]?.text).toContain(INTRODUCTION);
    const chunks = await collect(await openai.completions.create({ ...request, stream: true }));
    expect(chunks.map(({ choices }) => choices[0]?.text ?? "").join("")).toBe(
      answer.choices[0]?.text,
    );
  });

  test.each(["float", "base64"] as const)("embeds texts (%s)", async (encoding_format) => {
    const { data, usage } = await getOpenAI().embeddings.create({
      model: "demo-embed",
      input: ["one", "two"],
      encoding_format,
    });
    expect(data.map(({ index }) => index)).toEqual([0, 1]);
    expect(data.map(({ embedding }) => embedding.length)).not.toContain(0);
    expect(data[0]?.embedding).not.toEqual(data[1]?.embedding);
    expect(usage.prompt_tokens).toBe(2);
  });

  test("lists and retrieves models under the backend's ids", async () => {
    const openai = getOpenAI();
    const models = await collect(openai.models.list());
    expect(models.map(({ id }) => id)).toEqual(["demo", "demo-embed"]);
    expect(await openai.models.retrieve("demo")).toEqual({
      id: "demo",
      object: "model",
      created: 1_764_000_000,
      owned_by: "ollama-openai-proxy demo",
    });
    await expect(openai.models.retrieve("nope")).rejects.toThrow(NotFoundError);
  });

  test("raises for an unknown model", async () => {
    const asked = getOpenAI().chat.completions.create({ model: "nope", messages });
    await expect(asked).rejects.toThrow(NotFoundError);
    await expect(asked).rejects.toThrow(/model 'nope' not found/u);
  });

  test("raises with the backend's own word for a bad request", async () => {
    const asked = getOpenAI().chat.completions.create({ model: "demo", messages: [] });
    await expect(asked).rejects.toThrow(BadRequestError);
    await expect(asked).rejects.toThrow(/'messages' must be an array/u);
  });

  test("learns which route the backend lacks", async () => {
    const asked = getOpenAI().responses.create({ model: "demo", input: "Hi" });
    await expect(asked).rejects.toThrow(NotFoundError);
    await expect(asked).rejects.toThrow("The demo backend has no /v1/responses.");
  });
});

describe("the openai package raises when a stream breaks:", () => {
  const { getOpenAI, getUpstream } = useProxiedScript();
  const begun = sse(chunk({ role: "assistant", content: "" }), chunk({ content: "Hel" }));

  test.each<[string, RegExp, Step[]]>([
    ["an error event", /boom/u, [begun + sse({ error: { message: "boom" } })]],
    ["no end", /stream ended before completion/u, [begun]],
    ["a reset", /unexpected EOF/u, [begun, { wait: 20 }, { reset: true }]],
    ["no JSON", /invalid response from upstream/u, [`${begun}data: {"a":\n\n`]],
  ])("%s", async (_, message, steps) => {
    getUpstream().play({ steps });
    const stream = await getOpenAI().chat.completions.create({
      model: "m",
      messages,
      stream: true,
    });
    const texts: string[] = [];
    const reading = (async () => {
      for await (const part of stream) texts.push(part.choices[0]?.delta.content ?? "");
    })();
    await expect(reading).rejects.toThrow(message);
    expect(texts.join("")).toBe("Hel");
  });

  test.each([
    [400, BadRequestError, /told so/u],
    [429, RateLimitError, /told so/u],
    [500, InternalServerError, /told so/u],
    [401, InternalServerError, /rejected the proxy's credentials/u],
  ])("a backend's %i before it begins", async (status, kind, message) => {
    getUpstream().play(json(status, { error: { message: "told so" } }));
    const asked = getOpenAI().chat.completions.create({ model: "m", messages, stream: true });
    await expect(asked).rejects.toThrow(kind);
    await expect(asked).rejects.toThrow(message);
  });

  test("and the backend's request ends when the caller aborts", async () => {
    getUpstream().play({ steps: [begun, { hang: true }] });
    const stream = await getOpenAI().chat.completions.create({
      model: "m",
      messages,
      stream: true,
    });
    const asked = getUpstream().requests.at(-1);
    for await (const _ of stream) stream.controller.abort();
    await expect.poll(() => asked?.closedAt, { timeout: 2_000 }).toBeTypeOf("number");
  });
});
