import { expect, test } from "vitest";
import { parseNdjson } from "../support/ndjson.ts";
import { json } from "../support/scripted-upstream.ts";
import {
  backend,
  chat,
  described,
  messages,
  overloaded,
  proxyOf,
  refuses,
  says,
} from "./backends.ts";
import { call } from "./call.ts";

/** The first can't be told `top_k`, and `strict` refuses what a backend can't be told. */
const plain = { dialect: "openai" as const };
const asking = { options: { top_k: 5 } };

async function pair(a = says("a"), b = says("b"), ownOfA = {}, ownOfB = {}) {
  const backends = [await backend(a), await backend(b)] as const;
  const upstreams = [described("a", backends[0], ownOfA), described("b", backends[1], ownOfB)];
  const proxy = await proxyOf({ upstreams, strict: true });
  return { proxy, a: backends[0], b: backends[1] };
}

test("what the first can't be told is asked of the next", async () => {
  const { proxy, a } = await pair(says("a"), says("b"), plain);
  expect(await chat(proxy, asking)).toMatchObject({ status: 200, text: "b", by: "b", tries: 1 });
  expect(a.requests).toEqual([]);
});

test("where no other can be told it, the failure of the first is what counts", async () => {
  const { proxy, b } = await pair(overloaded, says("b"), {}, plain);
  expect(await chat(proxy, asking)).toMatchObject({ status: 502, text: "overloaded", by: "a" });
  expect(b.requests).toEqual([]);
});

test("where nobody can be told it, that is told", async () => {
  const { proxy } = await pair(says("a"), says("b"), plain, plain);
  expect(await chat(proxy, asking)).toMatchObject({
    status: 400,
    text: "this backend can't be told: options.top_k",
    tries: 0,
  });
});

test.each(["/api/chat", "/v1/chat/completions"])(
  "%s: a refusal after early headers is the last word of the stream",
  async (path) => {
    const slow = await backend({ steps: [{ wait: 300 }, ...says("slow").steps] });
    const proxy = await proxyOf({
      upstreams: [
        described("a", slow, { ...plain, limits: { concurrent: 1, queue_timeout: "150ms" } }),
      ],
      commit_after: "20ms",
    });
    const first = chat(proxy);
    await expect.poll(() => slow.requests.length).toBe(1);
    const body = JSON.stringify({ model: "m", messages, stream: true });
    const answer = await call({ port: proxy.port, path, body });
    expect(answer.status).toBe(200);
    expect(answer.body).toContain("server busy, please try again.");
    if (path === "/api/chat") {
      expect(parseNdjson(answer.body).at(-1)).toMatchObject({ done: true, done_reason: "error" });
    }
    expect(await first).toMatchObject({ status: 200, text: "slow" });
  },
);

test("a 404 about something else than the model asks for no list", async () => {
  const lists: number[] = [];
  const a = await backend(refuses(404, "no such route"));
  const proxy = await proxyOf({ upstreams: [described("a", a)] });
  for (let left = 6; left > 0; left -= 1) {
    const body = JSON.stringify({ model: "m", input: "hi" });
    await call({ port: proxy.port, path: "/v1/responses", body });
    lists.push(a.lookups.length);
  }
  expect(lists.at(-1)).toBe(lists[0]);
});

test("a backend without embeddings is passed over for one that has them", async () => {
  const vectors = json(200, { data: [{ index: 0, embedding: [1] }], usage: { prompt_tokens: 1 } });
  const a = await backend(says("a"));
  const b = await backend(vectors);
  const upstreams = [described("a", a, { dialect: "anthropic" }), described("b", b)];
  const proxy = await proxyOf({ upstreams });
  const body = JSON.stringify({ model: "m", input: "hi" });
  const answer = await call({ port: proxy.port, path: "/api/embed", body });
  expect(answer.status).toBe(200);
  expect(answer.headers["x-proxy-upstream"]).toBe("b");
  expect(a.requests).toEqual([]);
});
