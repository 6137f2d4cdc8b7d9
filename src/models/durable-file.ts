import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { lstat, mkdir, open, readdir, rename, unlink, type FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ProxyError } from "../errors.ts";

/** A write that was cut off leaves its file behind; no write that goes on is silent for so long. */
const leftoverAge = 10 * 60_000;

/** Makes it, for its owner only, where it is missing. */
export async function ensureDirectory(directory: string): Promise<void> {
  const made = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (made !== undefined) await syncDirectory(dirname(made));
  await checkDirectory(directory);
}

/** A link in its place would lead out of the data directory. @throws system errors */
export async function checkDirectory(directory: string): Promise<void> {
  if (!(await lstat(directory)).isDirectory()) {
    throw Object.assign(new Error("not a directory"), { code: "ENOTDIR", syscall: "lstat" });
  }
}

/**
 * Writes a file so that at every moment, and after a power failure too, its path leads to all of
 * the old content or to all of the new. Nothing stays behind when `write` throws.
 */
export async function replaceFile(
  path: string,
  write: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const directory = dirname(path);
  const unique = randomBytes(6).toString("hex");
  const temporary = join(directory, `.${basename(path)}.${unique}.tmp`);
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const file = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  }
  await syncDirectory(directory);
}

/** Makes renames and removals in it last. */
export async function syncDirectory(directory: string): Promise<void> {
  try {
    const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    await handle.sync().finally(() => handle.close());
  } catch (error) {
    // Windows and some network file systems can't do it, and have nothing else to offer.
    if (!["EINVAL", "EISDIR", "ENOTSUP", "EPERM"].includes(systemCode(error) ?? "")) throw error;
  }
}

/** Removes what writes that were cut off left behind; leaves those of a running process alone. */
export async function removeLeftovers(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  const temporary = names.filter((name) => /^\..+\.tmp$/.test(name));
  for (const path of temporary.map((name) => join(directory, name))) {
    try {
      const stats = await lstat(path);
      if (stats.isFile() && Date.now() - stats.mtimeMs > leftoverAge) await unlink(path);
    } catch {
      // Gone already, or not ours to remove: it takes a little room, and that is all.
    }
  }
}

const causes: Readonly<Record<string, string>> = {
  EACCES: "the data directory can't be written to",
  EDQUOT: "the disk quota is used up",
  EEXIST: "the data directory is not a directory",
  EFBIG: "the file is larger than the system allows",
  EIO: "the disk failed",
  ELOOP: "the data directory has a link where a directory belongs",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
  ENOENT: "the data directory can't be made",
  ENOSPC: "the disk is full",
  ENOTDIR: "the data directory is not a directory",
  EPERM: "the data directory can't be written to",
  EROFS: "the data directory is read-only",
};

/** What a client is told of a failed write: the problem, never a path. Other errors stay. */
export function explainFailure(what: string, error: unknown): unknown {
  const code = systemCode(error);
  if (error instanceof ProxyError || code === undefined) return error;
  return new ProxyError("store_failed", `${what}: ${causes[code] ?? code}`, { cause: error });
}

/** `ENOENT` and the like, of what the file system refused; a broken stream has codes too. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error && "code" in error && "syscall" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
