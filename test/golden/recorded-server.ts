import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProxy } from "../support/start-proxy.ts";
import { startScriptedUpstream, type ScriptedUpstream } from "../support/scripted-upstream.ts";
import { MODELS } from "./recorded-backend.ts";

export interface RecordedServer {
  upstream: ScriptedUpstream;
  port: number;
  url: string;
  close(): Promise<void>;
}

/** The proxy with the models of the recording, in front of a backend that a test scripts. */
export async function startRecordedServer(): Promise<RecordedServer> {
  const upstream = await startScriptedUpstream({
    models: Object.keys(MODELS).map((id) => ({
      id,
      object: "model",
      created: id === "smol" ? 1_795_426_033 : 1_795_425_813,
      owned_by: "library",
    })),
  });
  const data_dir = await mkdtemp(join(tmpdir(), "recorded-"));
  const models = Object.entries(MODELS).map(([id, capabilities]) => [id, { capabilities }]);
  const proxy = await startProxy({
    config: {
      models: Object.fromEntries(models),
      data_dir,
      // By its models it would be an Ollama, which would be told of each load.
      upstreams: [{ id: "a", base_url: upstream.baseUrl, dialect: "generic-local" }],
    },
  });
  return {
    upstream,
    port: proxy.port,
    url: proxy.url,
    close: async () => {
      await proxy.close();
      await upstream.close();
      await rm(data_dir, { recursive: true });
    },
  };
}
