// What test/faults/store.test.ts has done by a process of its own, which may be killed, limited or
// watched. `node store-child.mjs TASK DIRECTORY [ARGUMENT]` uses the built store and prints JSON.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeSync } from "node:fs";
import { Readable } from "node:stream";
import { Blobs } from "../../dist/models/blobs.js";
import { FileStore } from "../../dist/models/file-store.js";

const [task, directory, argument] = process.argv.slice(2);

const problems = [];
const note = ({ problem, defect }) => problems.push(problem ?? defect);
const store = new FileStore(directory, { debug: note, info: note, warn: note, error: note });
const blobs = new Blobs(directory);

const model = (name, system) => ({
  name,
  from: "smol",
  system,
  modified_at: "2026-01-02T03:04:05.678Z",
});
const kib = (count) => "x".repeat(count * 1024);
const digestOf = (content) => `sha256:${createHash("sha256").update(content).digest("hex")}`;
const saveBlob = (content) =>
  blobs.put(digestOf(content), Readable.from([Buffer.from(content)]), 1024 ** 2);

/** What came of it: "done", or the refusal's code and text. */
async function outcome(work) {
  try {
    await work();
    return "done";
  } catch (error) {
    return `${error.code}: ${error.message}`;
  }
}

const tasks = {
  /** Puts one version after the other, from this one on, and says each that is saved. */
  async write() {
    for (let version = Number(argument); ; version += 1) {
      await store.put(model("tim", `${version} ${kib(version % 1_024)}`));
      writeSync(1, `${version}\n`);
    }
  },

  /** On a disk of this many KiB. */
  async fill() {
    const saved = [];
    let refusal = "done";
    while (refusal === "done") {
      const name = `m${saved.length}:latest`;
      refusal = await outcome(() => store.put(model(name, kib(20))));
      if (refusal === "done") saved.push(name);
    }
    const replaced = await outcome(() => store.put(model("m0", kib(40))));
    const blob = await outcome(() => saveBlob(kib(100)));
    const kept = await store.list();
    await store.delete("m0");
    return {
      saved,
      kept: kept.map(({ name }) => name),
      whole: kept.every(({ system }) => system === kib(20)),
      refusals: { put: refusal, replaced, blob },
      afterwards: await outcome(() => store.put(model("m0", kib(10)))),
    };
  },

  /** Where no file may be larger than 16 KiB. */
  async limit() {
    await store.put(model("tim", kib(1)));
    return {
      replaced: await outcome(() => store.put(model("tim", kib(40)))),
      blob: await outcome(() => saveBlob(kib(40))),
      kept: (await store.list()).map(({ system }) => system === kib(1)),
      smaller: await outcome(() => store.put(model("tim", kib(2)))),
    };
  },

  /** As a user who may read the directory and not write to it. */
  async unwritable() {
    if (process.getuid() === 0) process.setuid(Number(argument));
    return {
      before: (await store.list()).map(({ name }) => name),
      put: await outcome(() => store.put(model("tom", "x"))),
      replaced: await outcome(() => store.put(model("tim", "x"))),
      deleted: await outcome(() => store.delete("tim")),
      blob: await outcome(() => saveBlob("x")),
      after: (await store.list()).map(({ name }) => name),
    };
  },

  /** Every call with the names and digests of standard input, between two marks for a tracer. */
  async hostile() {
    const { names, digests } = JSON.parse(readFileSync(0, "utf8"));
    const refusals = new Set();
    const remember = async (work) => refusals.add(await outcome(work));
    await store.put(model("first", "x"));
    await saveBlob("first");
    existsSync(`${directory}/BEGIN`);
    for (const name of names) {
      await remember(() => store.put(model(name, "x")));
      await store.get(name);
      await store.delete(name);
      await remember(() => store.put(model("tom", name)));
    }
    for (const digest of digests) {
      await remember(() => blobs.has(digest));
      await remember(() => blobs.put(digest, Readable.from([Buffer.from("x")]), 10));
    }
    existsSync(`${directory}/END`);
    return { refusals: [...refusals] };
  },
};

const result = await tasks[task]();
writeSync(1, JSON.stringify({ ...result, problems }));
