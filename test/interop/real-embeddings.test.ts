import { afterAll, expect, test } from "vitest";
import { startModelServer } from "./support/model-server.ts";
import { postForJson } from "./support/post-json.ts";
import { startConfiguredProxy } from "./support/proxy.ts";

/** llama.cpp embeds the same texts through the proxy and directly. */
const model = "smol-embed";
const server = await startModelServer(model, "embeds");
const proxy = await startConfiguredProxy({
  upstreams: [{ id: "embedding", base_url: server.baseUrl }],
  models: { [model]: { capabilities: ["embedding"] } },
});
afterAll(() => Promise.all([proxy.stop(), server.stop()]));

const texts = ["The sun is shining.", "Snow falls in Oslo.", "🌞"] as const;

interface EmbedResponse {
  model: string;
  embeddings: number[][];
  prompt_eval_count: number;
}

const embed = (fields: object) =>
  postForJson<EmbedResponse>(`http://${proxy.host}/api/embed`, { model, ...fields });

async function embedDirectly(...input: string[]) {
  const reply = await postForJson<{
    data: { embedding: number[] }[];
    usage: { prompt_tokens: number };
  }>(`${server.baseUrl}/embeddings`, { model, input });
  const vectors = reply.data.map((entry) => entry.embedding);
  return { vectors, tokens: reply.usage.prompt_tokens };
}

test("several texts come back in their order, as vectors of length 1", async () => {
  const direct = await embedDirectly(...texts);
  const reply = await embed({ input: texts });
  expect(reply.model).toBe(model);
  expect(reply.embeddings).toEqual(direct.vectors.map(normalized).map(closeTo));
  expect(reply.prompt_eval_count).toBe(direct.tokens);
});

test("one text comes back as a list of one vector", async () => {
  const direct = await embedDirectly(texts[0]);
  const reply = await embed({ input: texts[0] });
  expect(reply.embeddings).toEqual(direct.vectors.map(normalized).map(closeTo));
});

test("vectors are cut to the dimensions asked for, and have length 1 again", async () => {
  const direct = await embedDirectly(...texts);
  const reply = await embed({ input: texts, dimensions: 16 });
  expect(reply.embeddings).toEqual(
    direct.vectors.map((vector) => closeTo(normalized(vector.slice(0, 16)))),
  );
});

test("the old route gives the same direction", async () => {
  const direct = await embedDirectly(texts[1]);
  const { embedding } = await postForJson<{ embedding: number[] }>(
    `http://${proxy.host}/api/embeddings`,
    { model, prompt: texts[1] },
  );
  expect([normalized(embedding)]).toEqual(direct.vectors.map(normalized).map(closeTo));
});

function normalized(vector: readonly number[]): number[] {
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

const closeTo = (vector: readonly number[]) =>
  vector.map((value): unknown => expect.closeTo(value, 5));
