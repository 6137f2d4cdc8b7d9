import { describe, expect, test } from "vitest";
import { useDemoBackend } from "./demo-client.ts";

const { getClient } = useDemoBackend();

interface Options {
  dimensions?: number;
  encoding_format?: "float" | "base64";
}

async function embed(input: string | string[], options: Options = { encoding_format: "float" }) {
  const { data } = await getClient().embeddings.create({ model: "demo-embed", input, ...options });
  return data.map(({ embedding }) => embedding);
}

describe("/v1/embeddings", () => {
  test("gives each text its own vector of length 1, always the same", async () => {
    const [first = [], second = [], again] = await embed(["a cat", "a dog", "a cat"]);
    expect(first).toHaveLength(64);
    expect(Math.hypot(...first)).toBeCloseTo(1, 5);
    expect(Math.hypot(...second)).toBeCloseTo(1, 5);
    expect(again).toEqual(first);
    expect(second).not.toEqual(first);
  });

  test("puts texts that share words near each other", async () => {
    const [question = [], near = [], far = []] = await embed([
      "where do penguins live",
      "penguins live in the south",
      "interest rates rose again",
    ]);
    expect(similarity(question, near)).toBeGreaterThan(similarity(question, far) + 0.2);
  });

  test("encodes the same vector as base64", async () => {
    const [expected] = await embed("a cat");
    const [encoded] = await embed("a cat", { encoding_format: "base64" });
    const bytes = Buffer.from(String(encoded), "base64");
    expect(bytes).toHaveLength(256);
    expect(Array.from({ length: 64 }, (_, place) => bytes.readFloatLE(4 * place))).toEqual(
      expected,
    );
    // The client's own default: it asks for base64 and decodes it.
    expect(await embed("a cat", {})).toEqual([expected]);
  });

  test("cuts and scales to the dimensions asked for", async () => {
    const [full = []] = await embed("a cat");
    const [short = []] = await embed("a cat", { dimensions: 8, encoding_format: "float" });
    expect(short).toHaveLength(8);
    expect(Math.hypot(...short)).toBeCloseTo(1, 5);
    expect(similarity(short, full.slice(0, 8))).toBeCloseTo(Math.hypot(...full.slice(0, 8)), 5);
  });

  test("counts usage, and embeds an empty text too", async () => {
    const { data, usage } = await getClient().embeddings.create({
      model: "demo-embed",
      input: "",
      encoding_format: "float",
    });
    expect(Math.hypot(...(data[0]?.embedding ?? []))).toBeCloseTo(1, 5);
    expect(usage).toEqual({ prompt_tokens: 1, total_tokens: 1 });
  });

  test.for([
    { input: [] as string[] },
    { input: "x", dimensions: 65 },
    { input: "x", dimensions: 0 },
  ])("refuses %j", async (body) => {
    await expect(
      getClient().embeddings.create({ model: "demo-embed", ...body }),
    ).rejects.toMatchObject({ status: 400, type: "invalid_request_error" });
  });
});

function similarity(one: readonly number[], other: readonly number[]): number {
  return one.reduce((sum, value, place) => sum + value * (other[place] ?? 0), 0);
}
