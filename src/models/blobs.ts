import { createHash } from "node:crypto";
import { lstat, lutimes, readdir, unlink, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { invalidRequest, ProxyError } from "../errors.ts";
import { ensureDirectory, explainFailure, removeLeftovers, replaceFile } from "./durable-file.ts";

/** Of all blobs together; the least recently used give way. */
export interface BlobLimits {
  readonly bytes: number;
  readonly count: number;
}

const defaultLimits: BlobLimits = { bytes: 1024 ** 3, count: 1_000 };

/** Files by the hash of their content, in the folder `blobs` of the data directory. */
export class Blobs {
  readonly #directory: string;
  readonly #limits: BlobLimits;
  /** Bytes of the uploads that now run; they are bounded as the blobs are. */
  #uploading = 0;
  #isClean = false;

  constructor(dataDirectory: string, limits: BlobLimits = defaultLimits) {
    this.#directory = join(dataDirectory, "blobs");
    this.#limits = limits;
  }

  /** Asking counts as use. @throws ProxyError 400 for what is no digest */
  async has(digest: string): Promise<boolean> {
    const path = join(this.#directory, blobFileName(digest));
    try {
      if (!(await lstat(path)).isFile()) return false;
      const now = new Date();
      // Only the order in which blobs give way depends on it.
      await lutimes(path, now, now).catch(() => {});
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Keeps what the stream brings, once its digest has proved right. The stream is never destroyed,
   * so that a refusal can still be told on its connection; what is left of it is not read.
   * @returns "present" when there was nothing to do
   * @throws ProxyError 400 for a wrong digest, 413, or `store_failed`; the stream's own errors
   */
  async put(digest: string, content: Readable, maxBytes: number): Promise<"created" | "present"> {
    const fileName = blobFileName(digest);
    if (await this.has(digest)) return "present";
    try {
      await ensureDirectory(this.#directory);
      if (!this.#isClean) await removeLeftovers(this.#directory);
      this.#isClean = true;
      await replaceFile(join(this.#directory, fileName), async (file) => {
        const found = await this.#receive(content, file, Math.min(maxBytes, this.#limits.bytes));
        if (fileName !== blobFileName(found)) throw digestMismatch(digest, found);
      });
    } catch (error) {
      throw explainFailure("the blob could not be saved", error);
    }
    await this.#makeRoom(fileName);
    return "created";
  }

  /** Writes it all to the file, and tells its digest. */
  async #receive(content: Readable, file: FileHandle, maxBytes: number): Promise<string> {
    const hash = createHash("sha256");
    let size = 0;
    try {
      for await (const chunk of content.iterator({ destroyOnReturn: false })) {
        const bytes = chunk as Buffer;
        size += bytes.length;
        this.#uploading += bytes.length;
        if (size > maxBytes) throw new ProxyError("body_too_large", "request body too large");
        if (this.#uploading > this.#limits.bytes) {
          throw new ProxyError("store_failed", "too much is being uploaded at once");
        }
        hash.update(bytes);
        await file.writeFile(bytes);
      }
    } finally {
      this.#uploading -= size;
    }
    return `sha256:${hash.digest("hex")}`;
  }

  async #makeRoom(newest: string): Promise<void> {
    const names = await readdir(this.#directory).catch(() => []);
    const blobs = await Promise.all(names.filter(isBlobFileName).map((name) => this.#used(name)));
    const byUse = blobs.toSorted(
      (a, b) => Number(b.name === newest) - Number(a.name === newest) || b.usedAt - a.usedAt,
    );
    let bytes = 0;
    for (const [index, { name, size }] of byUse.entries()) {
      bytes += size;
      if (bytes <= this.#limits.bytes && index < this.#limits.count) continue;
      await unlink(join(this.#directory, name)).catch(() => {});
    }
  }

  async #used(name: string): Promise<{ name: string; size: number; usedAt: number }> {
    const { size, mtimeMs } = await lstat(join(this.#directory, name)).catch(() => gone);
    return { name, size, usedAt: mtimeMs };
  }
}

/** Of a blob that another process has just removed. */
const gone = { size: 0, mtimeMs: 0 };

/** A digest can only ever name a file of its own form. Ollama's text. */
function blobFileName(digest: string): string {
  const hex = /^sha256[:-]([0-9a-fA-F]{64})$/.exec(digest)?.[1];
  if (hex === undefined) throw invalidRequest("invalid digest format");
  return `sha256-${hex.toLowerCase()}`;
}

function isBlobFileName(name: string): boolean {
  return /^sha256-[0-9a-f]{64}$/.test(name);
}

/** Ollama's text. */
function digestMismatch(expected: string, found: string): ProxyError {
  return invalidRequest(`digest mismatch, expected "${expected}", got "${found}"`);
}
