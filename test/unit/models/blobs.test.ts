import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { Blobs } from "../../../src/models/blobs.ts";
import { age, dataDirectory } from "../../support/data-directory.ts";

const MAX = 1024 * 1024;

function digestOf(content: string | Buffer): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

const hello = { content: "hello", digest: digestOf("hello") };
const zeros = `sha256:${"0".repeat(64)}`;

function open(limits?: { bytes: number; count: number }) {
  const directory = dataDirectory();
  return { directory, blobs: new Blobs(directory, limits) };
}

function stream(...chunks: (string | Buffer)[]): Readable {
  return Readable.from(chunks.map((chunk) => Buffer.from(chunk)));
}

function filesIn(directory: string): string[] {
  return readdirSync(join(directory, "blobs"));
}

test("without a data directory a blob has a folder that nobody could prepare, until the end", async () => {
  const temporary = dataDirectory();
  vi.stubEnv("TMPDIR", temporary);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const [one, other] = [new Blobs(undefined), new Blobs(undefined)];
  expect(readdirSync(temporary)).toEqual([]);
  for (const blobs of [one, other]) {
    expect(await blobs.put(hello.digest, stream("hello"), MAX)).toBe("created");
    expect(await blobs.has(hello.digest)).toBe(true);
  }
  const folders = readdirSync(temporary);
  expect(folders).toHaveLength(2);
  for (const name of folders) {
    expect(name).toMatch(/^ollama-openai-proxy-\w{6}$/);
    expect(statSync(join(temporary, name)).mode & 0o777).toBe(0o700);
  }
  await one.close();
  await other.close();
  expect(readdirSync(temporary)).toEqual([]);
});

describe("a blob", () => {
  test("is there once it came, however its digest is written", async () => {
    const { directory, blobs } = open();
    const { digest } = hello;
    expect(await blobs.has(digest)).toBe(false);
    expect(await blobs.put(digest, stream("hel", "lo"), MAX)).toBe("created");
    const dashed = digest.replace(":", "-");
    for (const form of [digest, dashed, `sha256:${dashed.slice(7).toUpperCase()}`]) {
      expect(await blobs.has(form)).toBe(true);
      expect(await blobs.put(form, stream("never read"), MAX)).toBe("present");
    }
    expect(await blobs.has(zeros)).toBe(false);
    expect(filesIn(directory)).toEqual([dashed]);
    const { mode, size } = statSync(join(directory, "blobs", dashed));
    expect([mode & 0o777, size]).toEqual([0o600, 5]);
    expect(await new Blobs(directory).has(digest)).toBe(true);
  });

  test("may come with a dash, and empty", async () => {
    const { blobs } = open();
    const digest = digestOf("").replace(":", "-");
    expect(await blobs.put(digest, stream(), MAX)).toBe("created");
    expect(await blobs.has(digest)).toBe(true);
  });

  test("is not kept under another digest", async () => {
    const { directory, blobs } = open();
    const ones = `sha256:${"1".repeat(64)}`;
    await expect(blobs.put(ones, stream("other"), MAX)).rejects.toMatchObject({
      status: 400,
      message: `digest mismatch, expected "${ones}", got "sha256:d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"`,
    });
    expect(await blobs.has(ones)).toBe(false);
    expect(filesIn(directory)).toEqual([]);
  });

  test("is refused when it is too large, and leaves nothing", async () => {
    const { directory, blobs } = open();
    const big = "x".repeat(100);
    await expect(blobs.put(digestOf(big), stream(big, "y"), 100)).rejects.toMatchObject({
      status: 413,
    });
    expect(filesIn(directory)).toEqual([]);
    expect(await blobs.put(digestOf(big), stream(big), 100)).toBe("created");
  });

  test("that breaks off leaves nothing, and its own error", async () => {
    const { directory, blobs } = open();
    const broken = new Error("aborted");
    const half = new Readable({
      read() {
        this.push("hel");
        this.destroy(broken);
      },
    });
    await expect(blobs.put(hello.digest, half, MAX)).rejects.toBe(broken);
    expect(filesIn(directory)).toEqual([]);
  });

  test.for([
    "",
    "xyz",
    "sha256:abc",
    `sha256:${"0".repeat(63)}`,
    `sha256:${"0".repeat(65)}`,
    `sha256:${"g".repeat(64)}`,
    `sha256:${"0".repeat(64)}\n`,
    `sha256:${"0".repeat(64)}/../x`,
    `sha256/${"0".repeat(64)}`,
    `SHA256:${"0".repeat(64)}`,
    `../sha256-${"0".repeat(64)}`,
    "0".repeat(64),
  ])("can't have the digest %j", async (digest) => {
    const { directory, blobs } = open();
    const refusal = { status: 400, message: "invalid digest format" };
    await expect(blobs.has(digest)).rejects.toMatchObject(refusal);
    await expect(blobs.put(digest, stream("x"), MAX)).rejects.toMatchObject(refusal);
    expect(readdirSync(directory)).toEqual([]);
  });

  test("is no link and no folder", async () => {
    const { directory, blobs } = open();
    const folder = join(directory, "blobs");
    const file = join(directory, "file");
    mkdirSync(folder);
    writeFileSync(file, "hello");
    symlinkSync(file, join(folder, hello.digest.replace(":", "-")));
    mkdirSync(join(folder, zeros.replace(":", "-")));
    expect(await blobs.has(hello.digest)).toBe(false);
    expect(await blobs.has(zeros)).toBe(false);
    expect(await blobs.put(hello.digest, stream("hello"), MAX)).toBe("created");
    expect(await blobs.has(hello.digest)).toBe(true);
  });

  test("refused leaves a connection on which that can be told", async () => {
    const { blobs } = open();
    const server = createServer((incoming, response) => {
      blobs.put(hello.digest, incoming, 10).catch((error: Error) => {
        response.writeHead(413, { connection: "close" }).end(error.message);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const answer = await new Promise<string>((resolve, reject) => {
      const upload = request({ port, host: "127.0.0.1", method: "POST" }, async (response) => {
        resolve(`${response.statusCode} ${(await response.toArray()).join("")}`);
      });
      upload.on("error", reject);
      upload.write("more than ten bytes");
    });
    expect(answer).toBe("413 request body too large");
  });
});

describe("all blobs together", () => {
  test("stay within their limit; the least recently used go", async () => {
    const { directory, blobs } = open({ bytes: 250, count: 1_000 });
    const contents = ["a", "b", "c", "d"].map((letter) => letter.repeat(100));
    const [a = "", b = "", c = "", d = ""] = contents.map(digestOf);
    const pathOf = (digest: string) => join(directory, "blobs", digest.replace(":", "-"));
    await blobs.put(a, stream(contents[0] ?? ""), MAX);
    await blobs.put(b, stream(contents[1] ?? ""), MAX);
    age(pathOf(a), 20);
    age(pathOf(b), 10);
    expect(await blobs.has(a)).toBe(true);
    await blobs.put(c, stream(contents[2] ?? ""), MAX);
    expect([await blobs.has(a), await blobs.has(b), await blobs.has(c)]).toEqual([
      true,
      false,
      true,
    ]);
    for (const digest of [a, c]) age(pathOf(digest), -3_600);
    await blobs.put(d, stream(contents[3] ?? ""), MAX);
    expect(await blobs.has(d)).toBe(true);
    expect(filesIn(directory)).toHaveLength(2);
  });

  test("are limited in number", async () => {
    const { directory, blobs } = open({ bytes: MAX, count: 3 });
    for (let index = 0; index < 6; index += 1) {
      const content = String(index);
      await blobs.put(digestOf(content), stream(content), MAX);
    }
    expect(filesIn(directory)).toHaveLength(3);
  });

  test("can't be pushed out by one that is larger than all may be", async () => {
    const { directory, blobs } = open({ bytes: 250, count: 1_000 });
    await blobs.put(hello.digest, stream("hello"), MAX);
    const big = randomBytes(300);
    await expect(blobs.put(digestOf(big), stream(big), MAX)).rejects.toMatchObject({ status: 413 });
    expect(filesIn(directory)).toHaveLength(1);
  });

  test("on their way are limited as well, and count no longer when they are through", async () => {
    const { blobs } = open({ bytes: 250, count: 1_000 });
    const held = new Readable({ read() {} });
    held.push("h".repeat(200));
    const first = blobs.put(digestOf("h".repeat(200)), held, MAX);
    await expect.poll(() => held.readableLength, { timeout: 5_000, interval: 2 }).toBe(0);
    const content = "x".repeat(100);
    await expect(blobs.put(digestOf(content), stream(content), MAX)).rejects.toMatchObject({
      code: "store_failed",
      message: "too much is being uploaded at once",
    });
    held.push(null);
    expect(await first).toBe("created");
    expect(await blobs.put(digestOf(content), stream(content), MAX)).toBe("created");
  });

  test("are rid of what a killed upload left", async () => {
    const { directory, blobs } = open();
    mkdirSync(join(directory, "blobs"));
    const leftover = join(directory, "blobs", ".sha256-00.0011aabb.tmp");
    writeFileSync(leftover, "half");
    age(leftover, 3_600);
    await blobs.put(hello.digest, stream("hello"), MAX);
    expect(filesIn(directory)).toEqual([hello.digest.replace(":", "-")]);
  });
});
