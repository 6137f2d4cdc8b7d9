import { startModelServer, type ModelServer } from "./model-server.ts";
import { recordedOllama, type OllamaCommand } from "./ollama-command.ts";
import { startConfiguredProxy } from "./proxy.ts";

export interface CommandLineWorld {
  ollama: OllamaCommand;
  /** Two backends, so two models: `smol` completes, `smol-think` thinks and calls tools too. */
  smol: ModelServer;
  smolThink: ModelServer;
  close(): Promise<void>;
}

/** The same models, under the same names, as real Ollama had when the transcripts were made. */
export async function startCommandLineWorld(): Promise<CommandLineWorld> {
  const smol = await startModelServer("smol");
  const smolThink = await startModelServer("smol-think", "thinks and calls tools");
  const proxy = await startConfiguredProxy({
    upstreams: [
      { id: "smol", base_url: smol.baseUrl },
      { id: "think", base_url: smolThink.baseUrl },
    ],
    models: {
      smol: { capabilities: ["completion"] },
      "smol-think": { capabilities: ["completion", "tools", "thinking"] },
    },
  });
  const ollama = await recordedOllama(proxy.host);
  return {
    ollama,
    smol,
    smolThink,
    close: async () => {
      await ollama.close();
      await Promise.all([proxy.stop(), smol.stop(), smolThink.stop()]);
    },
  };
}
