import { Writable } from "node:stream";
import { describe, expect, test } from "vitest";
import { createApp } from "../../src/app.ts";
import { configSchema } from "../../src/config/schema.ts";
import { upstreamStates } from "../../src/handlers/admin.ts";
import { createLogger } from "../../src/observe/logger.ts";
import type { Backend } from "./players/backend.ts";
import { startPlayer } from "./players/player.ts";
import { backends, type BackendName } from "./players/players.ts";

const byList: readonly BackendName[] = [
  "llamacpp",
  "llama-cpp-python",
  "lmstudio",
  "ollama",
  "koboldcpp",
  "vllm",
  "sglang",
];

const byRoutes: readonly BackendName[] = [
  "llamacpp",
  "lmstudio",
  "ollama",
  "koboldcpp",
  "tabbyapi",
  "localai",
  "sglang",
  "tgi",
  "nim",
];

describe("a server on a loopback port", () => {
  test("is known by the surer of both: NIM, which may have the list of vLLM", async () => {
    expect(await recognise({ ...backends.nim, list: backends.vllm.list })).toBe("nim");
  });

  test.each(byRoutes)("is known when its models are configured: %s", async (name) => {
    const { model } = backends[name];
    expect(await recognise({ ...backends[name], list: null }, [model])).toBe(name);
  });

  test.each(byList)("is known by its list of models: %s", async (name) => {
    expect(await recognise({ ...backends[name], probes: {} })).toBe(name);
  });

  test.each(byRoutes)("is known by its routes: %s", async (name) => {
    const list = { object: "list", data: [{ id: backends[name].model, object: "model" }] };
    expect(await recognise({ ...backends[name], list })).toBe(name);
  });

  test.each(["mlx", "generic-local"] as const)("without a sign is of no kind: %s", async (name) => {
    expect(await recognise(backends[name])).toBe("generic-local");
  });
});

/** The dialect of a backend of which the configuration says only the address. */
async function recognise(
  backend: Backend,
  models?: readonly string[],
): Promise<string | undefined> {
  const player = await startPlayer(backend);
  const config = configSchema.parse({
    listen: "127.0.0.1:0",
    upstreams: [{ id: "a", base_url: player.baseUrl, ...(models && { models }) }],
  });
  const output = new Writable({ write: (_, __, done) => done() });
  const app = await createApp(config, createLogger({ level: "silent", text: false, output }));
  try {
    await app.catalog.list();
    return upstreamStates(app.catalog)[0]?.dialect;
  } finally {
    await app.drain(true);
    await player.close();
  }
}
