import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRequestRecorder, type RecordedExchange } from "../request-recorder.ts";
import { plainEnvironment, runProgram, type Finished } from "./child-process.ts";
import { tool } from "./tools.ts";

export interface CommandRun extends Finished {
  exchanges: RecordedExchange[];
}

export interface OllamaCommand {
  run(options: readonly string[], input?: string): Promise<CommandRun>;
  /** What a shell needs to be told for a command of its own to be recorded too. */
  environment: Record<string, string>;
  /** The requests since the last command, or since the last call. */
  takeExchanges(): RecordedExchange[];
  close(): Promise<void>;
}

/** Ollama's own command line, its requests to the server at `host` recorded. */
export async function recordedOllama(host: string): Promise<OllamaCommand> {
  const recorder = await startRequestRecorder(host);
  const home = mkdtempSync(join(tmpdir(), "interop-home-"));
  const environment = plainEnvironment({ HOME: home, OLLAMA_HOST: recorder.host });
  return {
    environment,
    takeExchanges: () => recorder.take(),
    run: async (options, input) => {
      recorder.take();
      const finished = await runProgram(tool("ollama"), options, {
        environment,
        ...(input === undefined ? {} : { input }),
      });
      return { ...finished, exchanges: recorder.take() };
    },
    close: async () => {
      await recorder.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
