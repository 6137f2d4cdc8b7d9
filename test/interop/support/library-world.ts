import { startRequestRecorder, type RequestRecorder } from "../request-recorder.ts";
import { realOllama } from "./golden.ts";
import { startModelServer } from "./model-server.ts";
import { recordedOllama, type OllamaCommand } from "./ollama-command.ts";
import { startConfiguredProxy } from "./proxy.ts";

export interface LibraryWorld {
  ollama: OllamaCommand;
  /** Between the proxy and its backend. */
  backend: Pick<RequestRecorder, "take">;
  close(): Promise<void>;
}

/** One backend with one model, `smol`, for models to be made of. */
export async function startLibraryWorld(): Promise<LibraryWorld> {
  if (realOllama !== undefined) {
    const ollama = await recordedOllama(realOllama);
    return { ollama, backend: { take: () => [] }, close: () => ollama.close() };
  }
  const smol = await startModelServer("smol");
  const backend = await startRequestRecorder(new URL(smol.baseUrl).host);
  const proxy = await startConfiguredProxy({
    upstreams: [{ id: "smol", base_url: `http://${backend.host}/v1` }],
  });
  const ollama = await recordedOllama(proxy.host);
  return {
    ollama,
    backend,
    close: async () => {
      await ollama.close();
      await proxy.stop();
      await backend.close();
      await smol.stop();
    },
  };
}
