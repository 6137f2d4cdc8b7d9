import { startConfiguredProxy } from "./proxy.ts";
import { startScriptedBackend, type ScriptedBackend } from "./scripted-backend.ts";

export interface ScriptedWorld {
  /** `127.0.0.1:PORT` of the proxy, as OLLAMA_HOST has it. */
  host: string;
  backend: ScriptedBackend;
  close(): Promise<void>;
}

/** The proxy in front of a backend that says what it is told to. Its model `m` can do everything. */
export async function startScriptedWorld(): Promise<ScriptedWorld> {
  const backend = await startScriptedBackend();
  const proxy = await startConfiguredProxy({
    upstreams: [{ id: "scripted", base_url: `${backend.url}/v1` }],
    models: {
      m: {
        capabilities: ["completion", "tools", "insert", "vision", "embedding", "thinking"],
      },
    },
  });
  return {
    host: proxy.host,
    backend,
    close: async () => {
      await proxy.stop();
      await backend.close();
    },
  };
}
