import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { ConfigError } from "./config-error.ts";

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "no leave to read it",
  EISDIR: "it is a folder",
};

/** The files that one configuration is made of, as they were when it was read. */
export class SourceFiles {
  readonly #texts = new Map<string, string | undefined>();

  /** Those that could not be read are among them. */
  get paths(): readonly string[] {
    return [...this.#texts.keys()];
  }

  /** @throws ConfigError that begins with the name */
  read(path: string, name = path): string {
    const known = this.#texts.get(path);
    if (known !== undefined) return known;
    try {
      const text = readFileSync(path, "utf8");
      this.#texts.set(path, text);
      return text;
    } catch (error) {
      this.#texts.set(path, undefined);
      const { code = "" } = error as NodeJS.ErrnoException;
      throw new ConfigError(`${name}: can't be read (${reasons[code] ?? code})`);
    }
  }

  /** Whether any of them is no longer what it was. */
  async haveChanged(): Promise<boolean> {
    const changes = [...this.#texts].map(async ([path, text]) => {
      const now = await readFile(path, "utf8").catch(() => undefined);
      return now !== text;
    });
    return (await Promise.all(changes)).includes(true);
  }
}
