import { afterAll, beforeAll, expect, test } from "vitest";
import {
  chunk,
  sse,
  startScriptedUpstream,
  type ScriptedUpstream,
} from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";

let upstream: ScriptedUpstream;
let proxy: StartedProxy;

beforeAll(async () => {
  upstream = await startScriptedUpstream();
  upstream.play({ steps: [sse(chunk({ content: "well" }), chunk({}, "stop"), "[DONE]")] });
  proxy = await startProxy({ upstreamUrl: upstream.baseUrl });
});
afterAll(async () => {
  await proxy.close();
  await upstream.close();
});

const messages = [{ role: "user", content: "hi" }];

test.each([
  ["/api/chat", { messages, truncate: true, shift: false }, "shift"],
  ["/api/chat", { messages: [{ ...messages[0], colour: "red" }] }, "messages.colour"],
  [
    "/api/chat",
    { messages: [{ role: "assistant", thinking: "hm" }, ...messages] },
    "messages.thinking",
  ],
  [
    "/api/chat",
    { messages: [...messages, { role: "assistant", content: "W" }] },
    "messages.prefill",
  ],
  ["/api/generate", { prompt: "hi", context: [1, 2, 3] }, "context"],
  [
    "/v1/chat/completions",
    { messages, stream: true, options: {}, keep_alive: 1 },
    "options, keep_alive",
  ],
])("%s names what the backend is not told: %j", async (path, body, ignored) => {
  const answer = await fetch(`${proxy.url}${path}`, {
    method: "POST",
    body: JSON.stringify({ model: "m", ...body }),
  });
  await answer.text();
  expect(answer.status).toBe(200);
  expect(answer.headers.get("x-proxy-ignored")).toBe(ignored);
});
