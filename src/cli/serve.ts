import { createApp, type App } from "../app.ts";
import type { Environment } from "../config/environment.ts";
import { ConfigError } from "../config/config-error.ts";
import { createLogger } from "../observe/logger.ts";
import { Configuration, type ConfigurationOptions } from "./configuration.ts";
import { Ending } from "./ending.ts";
import { Reloads } from "./reloads.ts";
import { startupBlock } from "./startup-block.ts";

/** What a command may use of the process it runs in. */
export interface Terminal {
  readonly environment: Environment;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly nodeVersion: string;
  onSignal(signal: "SIGTERM" | "SIGINT" | "SIGHUP", listener: () => void): void;
  /** An error that nothing has caught, or a promise's that nobody waits for. */
  onFault(listener: (error: unknown) => void): void;
  /** Whether the window that this was started in is closed. */
  hasHungUp(): boolean;
  exit(code: number): void;
}

/** Serves until a signal. @throws ConfigError in words for the user */
export async function serve(options: ConfigurationOptions, terminal: Terminal): Promise<void> {
  const ending = new Ending(terminal);
  const hangUp = listenForHangUp(terminal);
  const configuration = new Configuration(options, terminal.environment);
  const { config, because, demo } = await configuration.read();
  const text =
    config.log.format === "auto" ? terminal.stderr.isTTY === true : config.log.format === "text";
  const log = createLogger({ level: config.log.level, text, output: terminal.stderr });
  const app = await createApp(config, log);
  const port = await listen(app, config.listen);
  const reloads = new Reloads(app, configuration, log);
  ending.serves({
    app,
    log,
    before: () => reloads.stop(),
    after: async () => demo?.close(),
  });
  const models = (await app.catalog.list()).map((model) => model.name);
  const [problem] = app.catalog.problems;
  terminal.stdout.write(
    startupBlock({ config, port, because, models, problem, nodeVersion: terminal.nodeVersion }),
  );
  hangUp.answerWith(() => (terminal.hasHungUp() ? ending.begin(true) : reloads.request()));
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

/**
 * SIGHUP means to read the configuration anew, and without a listener the end of the process: so it
 * is listened to from the start, though it has to wait until there is something to reload.
 */
function listenForHangUp(terminal: Terminal): { answerWith(act: () => void): void } {
  let waiting = false;
  let act = () => {
    waiting = true;
  };
  terminal.onSignal("SIGHUP", () => act());
  return {
    answerWith: (next) => {
      act = next;
      if (waiting) act();
    },
  };
}
