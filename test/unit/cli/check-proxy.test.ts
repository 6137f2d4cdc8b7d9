import { Writable } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { startLoneProxy } from "../../../src/cli/check-proxy.ts";
import { configSchema, type ConfigFile } from "../../../src/config/schema.ts";
import { chunk, sse, startScriptedUpstream, type Step } from "../../support/scripted-upstream.ts";

const question = { model: "m", messages: [{ role: "user", content: "hi" }] };

async function ask(steps: Step[], patience: number, config: ConfigFile = {}) {
  const upstream = await startScriptedUpstream();
  onTestFinished(() => upstream.close());
  upstream.play({ steps });
  const upstreams = [{ id: "a", base_url: upstream.baseUrl }];
  const parsed = configSchema.parse({ ...config, upstreams });
  const [only] = parsed.upstreams;
  if (only === undefined) throw new Error("no backend");
  const proxy = await startLoneProxy(parsed, only, new Writable());
  const answer = await proxy.ask("/api/chat", question, patience);
  await proxy.close();
  return answer;
}

test("tells a stream line by line, when it began, and what it cost", async () => {
  const usage = { usage: { prompt_tokens: 7, completion_tokens: 2 } };
  const text = sse(chunk({ content: "hi" }), chunk({}, "stop", usage), "[DONE]");
  const { firstToken, ...answer } = await ask([text], 10_000, { stream_format: "sse" });
  expect(answer).toMatchObject({
    status: 200,
    lines: [{ message: { content: "hi" } }, { done: true }],
    cost: { requests: 1, input: 7, output: 2 },
  });
  expect(answer).not.toHaveProperty("error");
  expect(firstToken).toBeGreaterThan(0);
});

test("does not wait for ever, neither for the first word nor for the last", async () => {
  const begun = sse(chunk({ content: "hi" }));
  for (const steps of [[{ hang: true as const }], [begun, { hang: true as const }]]) {
    const { status, error } = await ask(steps, 200);
    expect({ status, error }).toEqual({
      status: undefined,
      error: "no whole answer within 0.2 s",
    });
  }
});

test("tells an answer that breaks by its last line", async () => {
  const { error } = await ask([sse(chunk({ content: "hi" })), { reset: true }], 10_000);
  expect(error).toMatch(/unexpected EOF/);
});
