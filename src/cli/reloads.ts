import type { App } from "../app.ts";
import { FileWatch } from "../config/file-watch.ts";
import type { Logger } from "../observe/logger.ts";
import type { Configuration } from "./configuration.ts";

/** Brings a changed configuration to the running proxy; one that is no good leaves it as it was. */
export class Reloads {
  readonly #app: Pick<App, "reload" | "metrics">;
  readonly #configuration: Configuration;
  readonly #log: Logger;
  readonly #watch = new FileWatch(() => void this.#look());
  #isWanted = false;
  #isRunning = false;
  #isStopped = false;

  constructor(app: Pick<App, "reload" | "metrics">, configuration: Configuration, log: Logger) {
    this.#app = app;
    this.#configuration = configuration;
    this.#log = log;
    this.#watch.follow(configuration.files.paths);
  }

  /** Those that are asked for while one runs are one. */
  request(): void {
    this.#isWanted = true;
    if (!this.#isRunning) void this.#run();
  }

  stop(): void {
    this.#isStopped = true;
    this.#watch.close();
  }

  async #look(): Promise<void> {
    if (!this.#isRunning && (await this.#configuration.files.haveChanged())) this.request();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#isWanted && !this.#isStopped) {
      this.#isWanted = false;
      await this.#reload();
      this.#watch.follow(this.#configuration.files.paths);
      this.#isWanted ||= await this.#configuration.files.haveChanged();
    }
    this.#isRunning = false;
  }

  async #reload(): Promise<void> {
    try {
      const { config } = await this.#configuration.read();
      const later = await this.#app.reload(config);
      this.#log.info({ upstreams: config.upstreams.map(({ id }) => id) }, "configuration reloaded");
      if (later.length > 0) {
        this.#log.warn({ settings: later }, "these settings change with a restart only");
      }
      this.#app.metrics.countReload(true);
    } catch (error) {
      const { message } = error as Error;
      this.#log.error({}, `the configuration stays as it was: ${message}`);
      this.#app.metrics.countReload(false);
    }
  }
}
