import { Ollama } from "ollama";
import OpenAI from "openai";
import { afterAll, beforeAll } from "vitest";
import type { ConfigFile } from "../../src/config/schema.ts";
import { startDemoBackend, type DemoBackend } from "../../src/demo/demo-backend.ts";
import { startScriptedUpstream, type ScriptedUpstream } from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";

/** The proxy in front of the demo backend, for the tests of a file, with the official clients. */
export function useProxiedDemo() {
  let backend: DemoBackend;
  let proxy: StartedProxy;

  beforeAll(async () => {
    backend = await startDemoBackend({ pace: 0 });
    proxy = await startProxy({ upstreamUrl: backend.baseUrl });
  });
  afterAll(async () => {
    await proxy.close();
    await backend.close();
  });
  return { getUrl: () => proxy.url, ...clients(() => proxy.url) };
}

/** The same in front of a backend that plays what a test says. */
export function useProxiedScript(config: ConfigFile = {}) {
  let upstream: ScriptedUpstream;
  let proxy: StartedProxy;

  beforeAll(async () => {
    upstream = await startScriptedUpstream();
    proxy = await startProxy({ upstreamUrl: upstream.baseUrl, config });
  });
  afterAll(async () => {
    await proxy.close();
    await upstream.close();
  });
  return {
    getUrl: () => proxy.url,
    getUpstream: () => upstream,
    ...clients(() => proxy.url),
  };
}

function clients(getUrl: () => string) {
  return {
    getOllama: () => new Ollama({ host: getUrl() }),
    getOpenAI: () => new OpenAI({ baseURL: `${getUrl()}/v1`, apiKey: "any", maxRetries: 0 }),
  };
}

export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** A PNG of one pixel. */
export const png =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

export const weatherTool = {
  type: "function" as const,
  function: {
    name: "get_weather",
    description: "The weather of a city",
    parameters: {
      type: "object",
      required: ["city"],
      properties: { city: { type: "string", description: "Its name" } },
    },
  },
};
