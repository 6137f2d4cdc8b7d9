import { createHash } from "node:crypto";
import { lstat, lutimes, mkdtemp, readdir, rm, unlink, type FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
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

/**
 * Files by the hash of their content, in the folder `blobs` of the data directory; without one, in a
 * folder of its own that nobody else can have made before, until the end.
 */
export class Blobs {
  readonly #dataDirectory: string | undefined;
  readonly #limits: BlobLimits;
  /** Bytes of the uploads that now run; they are bounded as the blobs are. */
  #uploading = 0;
  #isClean = false;
  #temporary: Promise<string> | undefined;

  constructor(dataDirectory: string | undefined, limits: BlobLimits = defaultLimits) {
    this.#dataDirectory = dataDirectory;
    this.#limits = limits;
  }

  /** Asking counts as use. @throws ProxyError 400 for what is no digest */
  async has(digest: string): Promise<boolean> {
    const fileName = blobFileName(digest);
    try {
      const path = join(await this.#directory(), fileName);
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
      const directory = await this.#directory();
      await ensureDirectory(directory);
      if (!this.#isClean) await removeLeftovers(directory);
      this.#isClean = true;
      await replaceFile(join(directory, fileName), async (file) => {
        const found = await this.#receive(content, file, Math.min(maxBytes, this.#limits.bytes));
        if (fileName !== blobFileName(found)) throw digestMismatch(digest, found);
      });
    } catch (error) {
      throw explainFailure("the blob could not be saved", error);
    }
    await this.#makeRoom(fileName);
    return "created";
  }

  /** Removes what was only to last until now. */
  async close(): Promise<void> {
    const temporary = await this.#temporary?.catch(() => undefined);
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  }

  async #directory(): Promise<string> {
    if (this.#dataDirectory !== undefined) return join(this.#dataDirectory, "blobs");
    this.#temporary ??= mkdtemp(join(tmpdir(), "ollama-openai-proxy-"));
    return join(await this.#temporary, "blobs");
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
    const directory = await this.#directory();
    const names = await readdir(directory).catch(() => []);
    const paths = names.filter(isBlobFileName).map((name) => join(directory, name));
    const newestPath = join(directory, newest);
    const blobs = await Promise.all(paths.map(used));
    const byUse = blobs.toSorted(
      (a, b) =>
        Number(b.path === newestPath) - Number(a.path === newestPath) || b.usedAt - a.usedAt,
    );
    let bytes = 0;
    for (const [index, { path, size }] of byUse.entries()) {
      bytes += size;
      if (bytes <= this.#limits.bytes && index < this.#limits.count) continue;
      await unlink(path).catch(() => {});
    }
  }
}

async function used(path: string): Promise<{ path: string; size: number; usedAt: number }> {
  const { size, mtimeMs } = await lstat(path).catch(() => gone);
  return { path, size, usedAt: mtimeMs };
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
