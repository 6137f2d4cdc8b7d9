import { startConfiguredProxy } from "./proxy.ts";
import { startScriptedBackend, type ScriptedBackend } from "./scripted-backend.ts";

export interface ScriptedWorld {
  /** `127.0.0.1:PORT` of the proxy, as OLLAMA_HOST has it. */
  host: string;
  /** Of another that has the same backend twice: it asks the second what the first fails to answer. */
  failoverHost: string;
  backend: ScriptedBackend;
  close(): Promise<void>;
}

/** No test may feel the failures of another. */
const forgetful = { circuit: { failures: 1_000_000 }, failover: { max_rest: 0 } };

/** The proxy in front of a backend that says what it is told to. Its model `m` can do everything. */
export async function startScriptedWorld(): Promise<ScriptedWorld> {
  const backend = await startScriptedBackend();
  const base_url = `${backend.url}/v1`;
  const proxy = await startConfiguredProxy({
    upstreams: [{ id: "scripted", base_url }],
    ...forgetful,
    models: {
      m: {
        capabilities: ["completion", "tools", "insert", "vision", "embedding", "thinking"],
      },
    },
  });
  const failoverProxy = await startConfiguredProxy({
    upstreams: [
      { id: "first", base_url },
      { id: "second", base_url, priority: 1 },
    ],
    ...forgetful,
  });
  return {
    host: proxy.host,
    failoverHost: failoverProxy.host,
    backend,
    close: async () => {
      await Promise.all([proxy.stop(), failoverProxy.stop()]);
      await backend.close();
    },
  };
}
