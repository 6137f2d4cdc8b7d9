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
  const models = Object.entries(MODELS).map(([id, capabilities]) => [id, { capabilities }]);
  const proxy = await startProxy({
    upstreamUrl: upstream.baseUrl,
    config: { models: Object.fromEntries(models) },
  });
  return {
    upstream,
    port: proxy.port,
    url: proxy.url,
    close: async () => {
      await proxy.close();
      await upstream.close();
    },
  };
}
