import type { BigIntStats } from "node:fs";
import { link, lstat, readdir, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "../observe/logger.ts";
import { comparableName, isValidModelName } from "../ollama/model-name.ts";
import {
  checkDirectory,
  ensureDirectory,
  explainFailure,
  removeLeftovers,
  replaceFile,
  syncDirectory,
  systemCode,
} from "./durable-file.ts";
import { modelFileName, printModel, readModelFile } from "./model-file.ts";
import type { ModelStore } from "./store.ts";
import type { VirtualModel } from "./virtual-model.ts";

/** What other processes change is looked for this often at most, and only when somebody asks. */
const lookInterval = 500;
/** What is known for longer may be a second old by the time that it is used, so it is looked at first. */
const staleAfter = 900;
/** But not for longer than this: a disk that hangs must not hold up any answer. */
const patience = 50;
/**
 * A file that changed just now may be half written, by an editor, or change again with no trace in
 * its time. It is read at every look and not set aside until it has rested.
 */
const restingTime = 1_000;

interface FileState {
  /** Changes with the file. */
  readonly signature: string;
  readonly isResting: boolean;
}

/** What is known of one file. */
interface Entry {
  /** Undefined to read it again at the next look. */
  readonly signature: string | undefined;
  readonly model: VirtualModel | undefined;
  /** Why it can't be read; told once in the log. */
  readonly problem: string | undefined;
}

/** One readable JSON file a model, in the folder `models` of the data directory. */
export class FileStore implements ModelStore {
  readonly #directory: string;
  readonly #log: Logger;
  #entries: ReadonlyMap<string, Entry> = new Map();
  #models: ReadonlyMap<string, VirtualModel> = new Map();
  /** When the last look began that has ended. */
  #lookedAt = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;
  /** The same, but not for longer than what is known may wait for it. */
  #lookingInTime: Promise<void> | undefined;
  #problem: string | undefined;
  /** Looks and writes of this process happen one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(dataDirectory: string, log: Logger) {
    this.#directory = join(dataDirectory, "models");
    this.#log = log;
  }

  async list(): Promise<readonly VirtualModel[]> {
    return [...(await this.#current()).values()];
  }

  async get(name: string): Promise<VirtualModel | undefined> {
    return isValidModelName(name) ? (await this.#current()).get(comparableName(name)) : undefined;
  }

  async put(model: VirtualModel): Promise<void> {
    const text = printModel(model);
    await this.#inTurn(async () => {
      try {
        await ensureDirectory(this.#directory);
        await replaceFile(this.#path(model.name), (file) => file.writeFile(text));
      } catch (error) {
        throw explainFailure("the model could not be saved", error);
      } finally {
        await this.#look();
      }
    });
  }

  async delete(name: string): Promise<boolean> {
    if (!isValidModelName(name)) return false;
    return this.#inTurn(async () => {
      await this.#look();
      if (!this.#models.has(comparableName(name))) return false;
      try {
        await unlink(this.#path(name));
        await syncDirectory(this.#directory);
        return true;
      } catch (error) {
        // Another process was faster.
        if (systemCode(error) === "ENOENT") return false;
        throw explainFailure("the model could not be deleted", error);
      } finally {
        await this.#look();
      }
    });
  }

  #path(name: string): string {
    return join(this.#directory, modelFileName(name));
  }

  /** What is known is answered with, and looked after meanwhile; only the first look is waited for. */
  async #current(): Promise<ReadonlyMap<string, VirtualModel>> {
    const age = performance.now() - this.#lookedAt;
    if (age >= lookInterval) this.#lookOnce();
    if (age === Number.POSITIVE_INFINITY) await this.#looking;
    else if (age >= staleAfter) await this.#lookingInTime;
    return this.#models;
  }

  #lookOnce(): void {
    if (this.#looking !== undefined) return;
    this.#looking = this.#inTurn(() => this.#look()).finally(() => {
      this.#looking = undefined;
    });
    const late = sleep(patience, undefined, { ref: false });
    this.#lookingInTime = Promise.race([this.#looking, late]);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }

  /** Brings what is known up to date. Never throws: what can't be read is left as it was. */
  async #look(): Promise<void> {
    const begun = performance.now();
    const isFirst = this.#lookedAt === Number.NEGATIVE_INFINITY;
    const names = await this.#names();
    if (names !== undefined) await this.#readAll(names, isFirst);
    this.#lookedAt = begun;
  }

  async #readAll(names: readonly string[], isFirst: boolean): Promise<void> {
    if (isFirst) await removeLeftovers(this.#directory);

    const files = names
      .filter((name) => name.endsWith(".json") && !name.startsWith("."))
      .toSorted();
    const states = await Promise.all(files.map((name) => this.#state(name)));
    const entries = new Map<string, Entry>();
    for (const [index, name] of files.entries()) {
      const state = states[index];
      const known = this.#entries.get(name);
      const isKnown = state !== undefined && state.signature === known?.signature;
      // One after the other: a thousand files at once would be a thousand open ones.
      const entry = isKnown ? known : state && (await this.#read(name, state, names));
      if (entry !== undefined) entries.set(name, entry);
    }
    this.#entries = entries;
    this.#models = new Map(
      [...entries.values()].flatMap(({ model }) =>
        model === undefined ? [] : [[comparableName(model.name), model] as const],
      ),
    );
  }

  /** Undefined when they can't be told now. */
  async #names(): Promise<readonly string[] | undefined> {
    try {
      await checkDirectory(this.#directory);
      const names = await readdir(this.#directory);
      this.#problem = undefined;
      return names;
    } catch (error) {
      const problem = systemCode(error) ?? "unknown";
      if (problem === "ENOENT") return [];
      if (problem !== this.#problem) {
        this.#log.error({ problem }, "the models of the data directory can't be read");
      }
      this.#problem = problem;
      return undefined;
    }
  }

  /** Undefined when it is gone, a link, or anything else that isn't a file. */
  async #state(name: string): Promise<FileState | undefined> {
    try {
      const stats = await lstat(join(this.#directory, name), { bigint: true });
      if (!stats.isFile()) return undefined;
      const isResting = Math.abs(Date.now() - Number(stats.mtimeMs)) > restingTime;
      return { signature: signatureOf(stats), isResting };
    } catch (error) {
      // Reading it will say what is wrong.
      return systemCode(error) === "ENOENT" ? undefined : { signature: "", isResting: false };
    }
  }

  async #read(
    name: string,
    { signature, isResting }: FileState,
    names: readonly string[],
  ): Promise<Entry | undefined> {
    const known = this.#entries.get(name);
    try {
      const content = await readModelFile(join(this.#directory, name), name);
      if ("model" in content) {
        const { model } = content;
        return { signature: isResting ? signature : undefined, model, problem: undefined };
      }
      if (isResting) return await this.#setAside(name, signature, content.defect, names);
      return { model: known?.model, problem: known?.problem, signature: undefined };
    } catch (error) {
      const problem = systemCode(error) ?? "unknown";
      if (problem === "ENOENT") return undefined;
      if (problem !== known?.problem) {
        this.#log.error({ file: name, problem }, "a file of the model store can't be read");
      }
      return { signature: undefined, model: known?.model, problem };
    }
  }

  /** Keeps a file that holds no model, under a name that is not looked at. */
  async #setAside(
    name: string,
    signature: string,
    defect: string,
    names: readonly string[],
  ): Promise<Entry | undefined> {
    let number = 1;
    while (names.includes(`.corrupt-${name}-${number}`)) number += 1;
    const keptAs = `.corrupt-${name}-${number}`;
    const [from, to] = [join(this.#directory, name), join(this.#directory, keptAs)];
    try {
      await rename(from, to);
      if (signatureOf(await lstat(to, { bigint: true })) === signature) {
        this.#log.error({ file: keptAs, defect }, "a file of the model store was set aside");
      } else {
        // Another process replaced it in between: back with it, unless it was replaced once more.
        await link(to, from).catch(unlessItExists);
        await unlink(to);
      }
      return undefined;
    } catch (error) {
      const problem = systemCode(error) ?? "unknown";
      // Another process was faster.
      if (problem === "ENOENT") return undefined;
      this.#log.error({ file: name, defect, problem }, "a file of the model store is left out");
      return { signature, model: undefined, problem };
    }
  }
}

function unlessItExists(error: unknown): void {
  if (systemCode(error) !== "EEXIST") throw error;
}

function signatureOf({ ino, size, mtimeNs }: BigIntStats): string {
  return [ino, size, mtimeNs].join(" ");
}
