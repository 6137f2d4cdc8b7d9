import { describe, expect, test } from "vitest";
import { chunk, json, sse, type Step } from "../support/scripted-upstream.ts";
import { collect, useProxiedScript } from "./proxied.ts";

const { getOllama, getUpstream } = useProxiedScript();

const chat = { model: "m", messages: [{ role: "user", content: "Hi" }] };
const generate = { model: "m", prompt: "Hi" };
const running = "an error was encountered while running the model: ";
const begun = sse(chunk({ content: "Hel" }));

/** Both requests, streaming (read to the end) and not. */
const asks = {
  "chat, streaming": async () => collect(await getOllama().chat({ ...chat, stream: true })),
  chat: async () => getOllama().chat(chat),
  "generate, streaming": async () =>
    collect(await getOllama().generate({ ...generate, stream: true })),
  generate: async () => getOllama().generate(generate),
};

describe.each(Object.entries(asks))("the ollama package's %s raises", (_, ask) => {
  test.each<[string, string, Step[]]>([
    ["an error event", "boom", [begun + sse({ error: { message: "boom", code: 500 } })]],
    ["a stream without an end", "stream ended before completion", [begun]],
    ["a reset", "unexpected EOF", [begun, { wait: 20 }, { reset: true }]],
    [
      "a connection closed inside a chunk",
      "unexpected EOF",
      [begun, { wait: 20 }, { destroy: true }],
    ],
    ["an event that is no JSON", "invalid response from upstream", [`${begun}data: {"a":\n\n`]],
  ])("%s after the first text, and never resolves with it", async (__, reason, steps) => {
    getUpstream().play({ steps });
    await expect(ask()).rejects.toThrow(`${running}${reason}`);
  });

  test.each([
    [400, { error: { message: "bad things", type: "invalid_request_error" } }, 400, "bad things"],
    [500, { detail: "worse things" }, 500, "worse things"],
    [401, { error: { message: "bad key" } }, 502, 'upstream "a" rejected the proxy\'s credentials'],
    [404, { error: { message: "The model `m` does not exist" } }, 404, "model 'm' not found"],
    [429, { error: "slow down" }, 429, "slow down"],
  ])("a backend's %i with its text and status", async (status, body, status_code, error) => {
    getUpstream().play(json(status, body));
    await expect(ask()).rejects.toMatchObject({ name: "ResponseError", status_code, error });
  });

  test("an error that comes instead of the first text with a status of its own", async () => {
    getUpstream().play({ steps: [sse({ error: { message: "boom", code: 503 } })] });
    await expect(ask()).rejects.toMatchObject({ status_code: 503, error: "boom" });
  });
});

describe("the ollama package raises Ollama's own words for", () => {
  test("an unknown model", async () => {
    await expect(getOllama().chat({ ...chat, model: "nope" })).rejects.toMatchObject({
      status_code: 404,
      error: "model 'nope' not found",
    });
    await expect(getOllama().show({ model: "nope" })).rejects.toMatchObject({
      status_code: 404,
      error: "model 'nope:latest' not found",
    });
  });

  test("a value of think that does not exist", async () => {
    const wrong = "some" as "high";
    await expect(getOllama().chat({ ...chat, think: wrong })).rejects.toMatchObject({
      status_code: 400,
      error: expect.stringMatching(/^invalid think value: "some"/u),
    });
  });
});

describe("the ollama package's abort", () => {
  test.each([
    ["of one stream", (stream: { abort: () => void }) => stream.abort()],
    ["of all streams", undefined],
  ])("%s ends it and the backend's request", async (_, abort) => {
    getUpstream().play({ steps: [begun, { hang: true }] });
    const ollama = getOllama();
    const stream = await ollama.chat({ ...chat, stream: true });
    const asked = getUpstream().requests.at(-1);
    const texts: string[] = [];
    const reading = (async () => {
      for await (const line of stream) {
        texts.push(line.message.content);
        if (abort === undefined) ollama.abort();
        else abort(stream);
      }
    })();
    await expect(reading).rejects.toThrow(/abort/iu);
    expect(texts).toEqual(["Hel"]);
    await expect.poll(() => asked?.closedAt, { timeout: 2_000 }).toBeTypeOf("number");
  });
});
