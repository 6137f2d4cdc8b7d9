import { afterAll, beforeAll, expect, test } from "vitest";
import { startScriptedUpstream, type ScriptedUpstream } from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";
import { call } from "./call.ts";

let upstream: ScriptedUpstream;
let proxy: StartedProxy;

beforeAll(async () => {
  upstream = await startScriptedUpstream({ models: [{ id: "talker" }, { id: "embedder" }] });
  proxy = await startProxy({
    upstreamUrl: upstream.baseUrl,
    config: {
      models: {
        talker: { capabilities: ["completion"], context_length: 1234 },
        embedder: { capabilities: ["embedding"] },
      },
    },
  });
});
afterAll(async () => {
  await proxy.close();
  await upstream.close();
});

const research = "/api/experimental";
const disabled = (what: string) => ({ error: `ollama cloud is disabled: ${what} is unavailable` });

test.each<[string, string | undefined, number, object]>([
  ["/api/status", undefined, 200, { cloud: { disabled: true, source: "config" } }],
  ["/api/me", "", 401, { error: "unauthorized" }],
  ["/api/signout", "", 401, { error: "you are not currently signed in" }],
  [`${research}/web_search`, '{"query":"x"}', 403, disabled("web search")],
  [`${research}/web_fetch`, '{"url":"http://x"}', 403, disabled("web fetch")],
  [`${research}/web_search`, "", 400, { error: "missing request body" }],
])("%s %j: %i", async (path, body, status, answer) => {
  const { headers, ...rest } = await call({
    port: proxy.port,
    path,
    ...(body === undefined ? {} : { body }),
  });
  expect(rest).toEqual({ status, body: JSON.stringify(answer) });
  expect(headers["content-type"]).toBe("application/json; charset=utf-8");
});

test("models to talk to are recommended, those of one's own first", async () => {
  const create = { model: "mine", from: "talker", stream: false };
  const { port } = proxy;
  await call({ port, path: "/api/create", body: JSON.stringify(create) });
  const { body } = await call({ port, path: `${research}/model-recommendations` });
  const description = 'Served by the backend "a"';
  expect(JSON.parse(body)).toEqual({
    recommendations: [
      { model: "mine:latest", description, context_length: 1234 },
      { model: "talker:latest", description, context_length: 1234 },
    ],
  });
});
