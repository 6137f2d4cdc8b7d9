import { describe, expect, test } from "vitest";
import { json, type RecordedRequest, type Script } from "../support/scripted-upstream.ts";
import { backend, described, overloaded, proxyOf } from "./backends.ts";
import { call } from "./call.ts";

/** Two texts a batch, and four batches at a time. */
const embeddings = { batch: 2, dimensions: null, fields: {} };
const inputs = (count: number) => Array.from({ length: count }, (_, place) => `text ${place}`);

function vectors({ body }: RecordedRequest): Script {
  const { input } = JSON.parse(body) as { input: string[] };
  const data = input.map((_, index) => ({ index, embedding: [1, 0] }));
  return json(200, { data, usage: { prompt_tokens: input.length } });
}

/** Backend `a` plays this for its first requests and answers the others well; `b` is well. */
async function pair(first: readonly Script[], ambiguous = false) {
  const scripts = [...first];
  const a = await backend((request) => scripts.shift() ?? vectors(request));
  const b = await backend(vectors);
  const overrides = { embeddings };
  const proxy = await proxyOf({
    upstreams: [described("a", a, { overrides }), described("b", b, { overrides })],
    failover: { ambiguous },
  });
  const embed = async (count: number) => {
    const body = JSON.stringify({ model: "m", input: inputs(count) });
    const { status, headers } = await call({ port: proxy.port, path: "/api/embed", body });
    return { status, by: headers["x-proxy-upstream"], sent: Number(headers["x-proxy-attempts"]) };
  };
  return { a, b, embed };
}

const silent: Script = { raw: true, steps: [{ hang: true }] };

describe("of many texts", () => {
  test("nothing more is asked of a backend that has failed at some, before another gets all", async () => {
    const { a, b, embed } = await pair([silent, silent, silent, overloaded]);
    expect(await embed(20)).toEqual({ status: 200, by: "b", sent: 14 });
    expect(a.requests).toHaveLength(4);
    expect(b.requests).toHaveLength(10);
    const left = a.requests.slice(0, 3).map(({ closedAt }) => closedAt);
    expect(left).toEqual(Array(3).fill(expect.any(Number)));
  });

  test("none is paid for twice: where some are answered, nobody else is asked", async () => {
    const well = json(200, { data: [{ embedding: [1] }, { embedding: [1] }] });
    const { a, b, embed } = await pair([well, well, well, well, overloaded]);
    expect(await embed(10)).toEqual({ status: 502, by: "a", sent: 5 });
    expect(a.requests).toHaveLength(5);
    expect(b.requests).toHaveLength(0);
  });

  test("all are asked for anew where that is wanted", async () => {
    const well = json(200, { data: [{ embedding: [1] }, { embedding: [1] }] });
    const { b, embed } = await pair([well, well, well, well, overloaded], true);
    expect(await embed(10)).toEqual({ status: 200, by: "b", sent: 10 });
    expect(b.requests).toHaveLength(5);
  });
});
