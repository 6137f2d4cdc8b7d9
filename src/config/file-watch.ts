import { watch, type FSWatcher } from "node:fs";
import { dirname } from "node:path";

/** Milliseconds: who writes a file, or several, has ended by then. */
const settleTime = 200;
/** Milliseconds; for what the system does not tell: a file behind a link, a folder of another machine. */
const pollInterval = 5_000;

/**
 * Says when it is time to look whether files have changed. It watches their folders: editors and
 * Kubernetes put another file in the place of one, and a watched file itself would be the old one.
 */
export class FileWatch {
  readonly #onTime: () => void;
  readonly #folders = new Map<string, FSWatcher | undefined>();
  readonly #poll: NodeJS.Timeout;
  #settling: NodeJS.Timeout | undefined;

  constructor(onTime: () => void) {
    this.#onTime = onTime;
    this.#poll = setInterval(onTime, pollInterval).unref();
  }

  /** From now on these. */
  follow(paths: readonly string[]): void {
    const wanted = new Set(paths.map((path) => dirname(path)));
    for (const [folder, watcher] of this.#folders) {
      if (wanted.has(folder)) continue;
      watcher?.close();
      this.#folders.delete(folder);
    }
    for (const folder of wanted) {
      if (this.#folders.get(folder) === undefined) this.#folders.set(folder, this.#watch(folder));
    }
  }

  close(): void {
    clearInterval(this.#poll);
    clearTimeout(this.#settling);
    for (const watcher of this.#folders.values()) watcher?.close();
    this.#folders.clear();
  }

  /** @returns undefined where the system can't; then polling has to do. */
  #watch(folder: string): FSWatcher | undefined {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#settle());
      return watcher.on("error", () => {
        watcher.close();
        this.#folders.delete(folder);
      });
    } catch {
      return undefined;
    }
  }

  #settle(): void {
    this.#settling ??= setTimeout(() => {
      this.#settling = undefined;
      this.#onTime();
    }, settleTime).unref();
  }
}
