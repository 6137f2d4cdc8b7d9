import { inspect } from "node:util";
import type { App } from "../app.ts";
import type { Logger } from "../observe/logger.ts";
import { describeInternalError } from "../server/internal-errors.ts";

interface Program {
  readonly stderr: NodeJS.WritableStream;
  onSignal(signal: "SIGTERM" | "SIGINT", listener: () => void): void;
  onFault(listener: (error: unknown) => void): void;
  exit(code: number): void;
}

/** What has to end well before the process does. */
interface Serving {
  readonly app: Pick<App, "drain" | "interrupt">;
  readonly log: Logger;
  before(): void;
  after(): Promise<void>;
}

/**
 * The end of the process. The first signal lets running answers end (SIGINT without delay), the second
 * ends them. A fault that no request had a part in does what the first does: who knows what it broke.
 */
export class Ending {
  readonly #program: Program;
  #serving: Serving | undefined;
  #hasBegun = false;
  #code = 0;

  constructor(program: Program) {
    this.#program = program;
    program.onSignal("SIGTERM", () => this.begin(false));
    program.onSignal("SIGINT", () => this.begin(true));
    program.onFault((error) => this.#fail(error));
  }

  /** Until this is told there is nothing to wait for. */
  serves(serving: Serving): void {
    this.#serving = serving;
  }

  begin(immediately: boolean): void {
    if (this.#hasBegun) this.#serving?.app.interrupt();
    else void this.#end(immediately);
  }

  #fail(error: unknown): void {
    const isFirst = this.#code === 0;
    this.#code = 1;
    const { log } = this.#serving ?? {};
    // The same fault may come at every turn.
    if (isFirst) log?.error(describeInternalError(error), "stopping after a fault of this program");
    if (log === undefined) this.#program.stderr.write(`failed at start: ${inspect(error)}\n`);
    if (!this.#hasBegun) void this.#end(false);
  }

  async #end(immediately: boolean): Promise<void> {
    this.#hasBegun = true;
    try {
      this.#serving?.before();
      await this.#serving?.app.drain(immediately);
      await this.#serving?.after();
    } catch (error) {
      this.#code = 1;
      this.#serving?.log.error(describeInternalError(error), "could not end as it should");
    }
    this.#program.exit(this.#code);
  }
}
