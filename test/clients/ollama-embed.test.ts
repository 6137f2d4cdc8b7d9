import { describe, expect, test } from "vitest";
import { json, type RecordedRequest, type Script } from "../support/scripted-upstream.ts";
import { useProxiedDemo, useProxiedScript } from "./proxied.ts";

describe("the ollama package, in front of the demo backend,", () => {
  const { getOllama } = useProxiedDemo();
  const model = "demo-embed";

  test("embeds texts, each with its own vector of length 1", async () => {
    const {
      model: named,
      embeddings,
      ...figures
    } = await getOllama().embed({
      model,
      input: ["a cat", "a dog", "a cat"],
    });
    expect(named).toBe(model);
    expect(embeddings).toHaveLength(3);
    for (const vector of embeddings) expect(Math.hypot(...vector)).toBeCloseTo(1, 6);
    expect(embeddings[2]).toEqual(embeddings[0]);
    expect(embeddings[1]).not.toEqual(embeddings[0]);
    expect(Object.keys(figures).toSorted()).toEqual([
      "load_duration",
      "prompt_eval_count",
      "total_duration",
    ]);
    for (const figure of Object.values(figures)) expect(figure).toBeGreaterThanOrEqual(1);
  });

  test("is told the first dimensions, 1 long again", async () => {
    const { embeddings: whole } = await getOllama().embed({ model, input: "a cat" });
    const { embeddings } = await getOllama().embed({ model, input: "a cat", dimensions: 8 });
    const first = whole[0]?.slice(0, 8) ?? [];
    const length = Math.hypot(...first);
    expect(embeddings[0]).toHaveLength(8);
    for (const [place, value] of first.entries()) {
      expect(embeddings[0]?.[place]).toBeCloseTo(value / length, 6);
    }
  });

  test("has the same direction from the older route", async () => {
    const { embeddings } = await getOllama().embed({ model, input: "a cat" });
    const { embedding } = await getOllama().embeddings({ model, prompt: "a cat" });
    expect(embedding).toHaveLength(embeddings[0]?.length ?? 0);
    for (const [place, value] of embedding.entries()) {
      expect(embeddings[0]?.[place]).toBeCloseTo(value, 6);
    }
  });

  test("gets nothing for nothing", async () => {
    expect(await getOllama().embed({ model, input: "" })).toEqual({ model, embeddings: [] });
    expect(await getOllama().embeddings({ model, prompt: "" })).toEqual({ embedding: [] });
  });

  test("is refused by a model that only talks", async () => {
    await expect(getOllama().embed({ model: "demo", input: "a" })).rejects.toMatchObject({
      status_code: 400,
      error: '"demo" does not support embeddings',
    });
  });
});

describe("the ollama package, in front of a backend that plays a script,", () => {
  const { getOllama, getUpstream } = useProxiedScript();
  const request = { model: "m", input: ["a", "b"] };

  /** Base64, in the wrong order. */
  function backwards({ body }: RecordedRequest): Script {
    const { input } = JSON.parse(body) as { input: string[] };
    const data = input.map((_, index) => {
      const bytes = Buffer.alloc(8);
      bytes.writeFloatLE(index, 0);
      bytes.writeFloatLE(2, 4);
      return { index, embedding: bytes.toString("base64") };
    });
    return json(200, { data: data.toReversed() });
  }

  test("gets vectors in the order of its texts", async () => {
    getUpstream().play(backwards);
    const { embeddings } = await getOllama().embed(request);
    expect(embeddings).toEqual([
      [0, 1],
      [0.4472136, 0.8944272],
    ]);
  });

  test("raises a text that is too long and may not be cut", async () => {
    getUpstream().play(
      json(400, { error: { message: "the request exceeds the available context size" } }),
    );
    await expect(getOllama().embed({ ...request, truncate: false })).rejects.toMatchObject({
      status_code: 400,
      error: "the input length exceeds the context length",
    });
  });

  test("raises an unknown model in Ollama's words", async () => {
    const error = { status_code: 404, error: 'model "nope" not found, try pulling it first' };
    await expect(getOllama().embed({ ...request, model: "nope" })).rejects.toMatchObject(error);
    await expect(getOllama().embeddings({ model: "nope", prompt: "a" })).rejects.toMatchObject(
      error,
    );
  });
});
