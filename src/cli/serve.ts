import { createApp, type App } from "../app.ts";
import type { Environment } from "../config/environment.ts";
import { ConfigError } from "../config/load.ts";
import { createLogger } from "../observe/logger.ts";
import { configure, type ConfigurationOptions } from "./configuration.ts";
import { startupBlock } from "./startup-block.ts";

/** What a command may use of the process it runs in. */
export interface Terminal {
  readonly environment: Environment;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly nodeVersion: string;
  onSignal(signal: "SIGTERM" | "SIGINT", listener: () => void): void;
  exit(code: number): void;
}

/** Serves until a signal. @throws ConfigError in words for the user */
export async function serve(options: ConfigurationOptions, terminal: Terminal): Promise<void> {
  const { config, because, demo } = await configure(options, terminal.environment);
  const text =
    config.log.format === "auto" ? terminal.stderr.isTTY === true : config.log.format === "text";
  const log = createLogger({ level: config.log.level, text, output: terminal.stderr });
  const app = await createApp(config, log);
  const port = await listen(app, config.listen);
  const models = (await app.catalog.list()).map((model) => model.name);
  const [problem] = app.catalog.problems;
  terminal.stdout.write(
    startupBlock({ config, port, because, models, problem, nodeVersion: terminal.nodeVersion }),
  );
  stopOnSignals(app, terminal, async () => {
    await demo?.close();
  });
}

async function listen(app: App, address: string): Promise<number> {
  try {
    return await app.listen();
  } catch (error) {
    switch ((error as NodeJS.ErrnoException).code) {
      case "EADDRINUSE":
        throw new ConfigError(
          `${address} is taken, perhaps by Ollama itself. Stop that, or choose another: OLLAMA_HOST=127.0.0.1:11435`,
        );
      case "EADDRNOTAVAIL":
        throw new ConfigError(`${address} is no address of this machine.`);
      case "EACCES":
        throw new ConfigError(
          `${address} may not be listened on by this user; ports below 1024 are reserved.`,
        );
      default:
        throw error;
    }
  }
}

/** The first signal lets running answers end (SIGINT without delay); the second ends them. */
function stopOnSignals(app: App, terminal: Terminal, after: () => Promise<void>): void {
  let stopping = false;
  const stop = async (immediately: boolean) => {
    if (stopping) {
      app.interrupt();
      return;
    }
    stopping = true;
    await app.drain(immediately);
    await after();
    terminal.exit(0);
  };
  terminal.onSignal("SIGTERM", () => void stop(false));
  terminal.onSignal("SIGINT", () => void stop(true));
}
