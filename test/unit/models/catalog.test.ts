import { afterEach, expect, test } from "vitest";
import { startProxy, type StartedProxy } from "../../support/start-proxy.ts";
import { startScriptedUpstream, type ScriptedUpstream } from "../../support/scripted-upstream.ts";

let upstream: ScriptedUpstream | undefined;
let proxy: StartedProxy | undefined;

afterEach(async () => {
  await proxy?.close();
  await upstream?.close();
});

async function tags(models: readonly object[]): Promise<{ name: string; modified_at: string }[]> {
  upstream = await startScriptedUpstream({ models });
  proxy = await startProxy({ upstreamUrl: upstream.baseUrl });
  const answer = await fetch(`${proxy.url}/api/tags`);
  return ((await answer.json()) as { models: { name: string; modified_at: string }[] }).models;
}

test("llama.cpp's aliases are listed as models", async () => {
  const models = await tags([{ id: "big", aliases: ["big", "small"], created: 1_700_000_000 }]);
  expect(models.map(({ name }) => name)).toEqual(["big:latest", "small:latest"]);
});

test("a date that the backend changes with every answer stays the first one seen", async () => {
  const models = [{ id: "m", created: 1_700_000_000 }];
  const [first] = await tags(models);
  models[0] = { id: "m", created: 1_800_000_000 };
  // A name nobody knows makes the proxy ask again, once a second has passed.
  await expect
    .poll(
      async () => {
        await fetch(`${proxy?.url}/api/show`, { method: "POST", body: '{"model":"other"}' });
        return upstream?.lookups.length;
      },
      { timeout: 10_000 },
    )
    .toBeGreaterThan(1);
  const again = await fetch(`${proxy?.url}/api/tags`);
  expect(((await again.json()) as { models: object[] }).models[0]).toEqual(first);
});
