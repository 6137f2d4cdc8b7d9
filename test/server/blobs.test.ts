import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";
import { sendRaw } from "../faults/raw-client.ts";
import { until } from "../faults/waiting.ts";
import { call } from "./call.ts";

const data_dir = mkdtempSync(join(tmpdir(), "blobs-"));
let proxy: StartedProxy;

beforeAll(async () => {
  proxy = await startProxy({ config: { max_body: 1024, data_dir } });
});
afterAll(async () => {
  await proxy.close();
  rmSync(data_dir, { recursive: true });
});

function digestOf(content: string | Buffer): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}
const head = (digest: string) =>
  call({ port: proxy.port, method: "HEAD", path: `/api/blobs/${digest}` });
const post = (digest: string, body: string | Buffer) =>
  call({ port: proxy.port, path: `/api/blobs/${digest}`, body });

test("a blob is missing, created, and there", async () => {
  const digest = digestOf("hello");
  expect(await head(digest)).toMatchObject({ status: 404, body: "" });
  expect(await post(digest, "hello")).toMatchObject({ status: 201, body: "" });
  expect(await post(digest, "hello")).toMatchObject({ status: 200, body: "" });
  expect(await head(digest)).toMatchObject({ status: 200, body: "" });
  expect(await head(digest.replace(":", "-"))).toMatchObject({ status: 200, body: "" });
});

test("a body larger than others may be goes to the disk", async () => {
  const content = Buffer.alloc(3 * 1024 * 1024, "0123456789");
  expect(await post(digestOf(content), content)).toMatchObject({ status: 201 });
  const chunks = ["one", "two", "three"];
  const digest = digestOf(chunks.join(""));
  expect(
    await call({ port: proxy.port, path: `/api/blobs/${digest}`, body: chunks }),
  ).toMatchObject({ status: 201 });
  expect(await head(digest)).toMatchObject({ status: 200 });
});

test("an empty one is one too", async () => {
  expect(await post(digestOf(""), "")).toMatchObject({ status: 201 });
});

test("a wrong digest is told, and nothing kept", async () => {
  const expected = `sha256:${"1".repeat(64)}`;
  const answer = await post(expected, "other");
  const error = `digest mismatch, expected "${expected}", got "${digestOf("other")}"`;
  expect(answer).toMatchObject({ status: 400, body: JSON.stringify({ error }) });
  expect(await head(expected)).toMatchObject({ status: 404 });
});

test.each(["xyz", "sha256:abc", "..%2f..%2fetc%2fpasswd", `sha256:${"g".repeat(64)}`, "%00"])(
  "%s is no digest",
  async (digest) => {
    expect(await head(digest)).toMatchObject({ status: 400, body: "" });
    expect(await post(digest, "x")).toMatchObject({
      status: 400,
      body: '{"error":"invalid digest format"}',
    });
  },
);

test("what is announced as too large is refused unread", async () => {
  const outgoing = request({
    port: proxy.port,
    method: "POST",
    path: `/api/blobs/${digestOf("x")}`,
    headers: { "content-length": String(1024 ** 3 + 1) },
  });
  outgoing.on("error", () => {});
  const answered = new Promise<number | undefined>((resolve) => {
    outgoing.on("response", (answer) => resolve(answer.statusCode));
  });
  outgoing.write("x");
  expect(await answered).toBe(413);
  outgoing.destroy();
});

test("a client that leaves leaves nothing behind", async () => {
  const files = () => readdirSync(join(data_dir, "blobs"));
  await post(digestOf("there"), "there");
  const before = files();
  const path = `/api/blobs/${digestOf("x")}`;
  const client = sendRaw({ port: proxy.port, path, body: { a: "b" }, upTo: 3 });
  await until("its file", () => files().length > before.length);
  client.socket.destroy();
  await until("its end", () => files().length === before.length);
  expect(files()).toEqual(before);
});
