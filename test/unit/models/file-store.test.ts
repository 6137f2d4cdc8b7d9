import { spawnSync } from "node:child_process";
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { open as openFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { FileStore } from "../../../src/models/file-store.ts";
import type { VirtualModel } from "../../../src/models/virtual-model.ts";
import { age, dataDirectory, keepLogs } from "../../support/data-directory.ts";

/** The longest a process may not see what another one did. */
const A_SECOND = 1_000;

const tim: VirtualModel = {
  name: "tim:latest",
  from: "smol",
  system: "You are Tim. ❤ \u2028 \u{1F680}",
  parameters: { temperature: 0.5, stop: ["a", "b"] },
  messages: [{ role: "user", content: "hi" }],
  license: ["MIT"],
  modified_at: "2026-01-02T03:04:05.678Z",
};

function open(directory = dataDirectory()) {
  const log = keepLogs();
  return { directory, log, store: new FileStore(directory, log) };
}

function namesIn(directory: string): string[] {
  return readdirSync(join(directory, "models"));
}

/** The one file of the store. */
function onlyFile(directory: string): string {
  const [name = "", ...others] = namesIn(directory);
  expect(others).toEqual([]);
  return join(directory, "models", name);
}

describe("a store", () => {
  test("is empty, and makes nothing, until something is put into it", async () => {
    const { directory, log, store } = open();
    expect(await store.list()).toEqual([]);
    expect(await store.get("tim")).toBeUndefined();
    expect(await store.delete("tim")).toBe(false);
    expect(readdirSync(directory)).toEqual([]);
    expect(log.lines).toEqual([]);
  });

  test("gives back what was put, over a restart too", async () => {
    const { directory, store } = open();
    await store.put(tim);
    expect(await store.list()).toEqual([tim]);
    expect(await open(directory).store.list()).toEqual([tim]);
  });

  test.for(["tim", "TIM", "Tim:Latest", "library/tim", "registry.ollama.ai/library/tim:latest"])(
    "finds tim:latest as %s",
    async (name) => {
      const { directory, store } = open();
      await store.put(tim);
      expect(await store.get(name)).toEqual(tim);
      await store.put({ ...tim, name, system: "new" });
      expect(await store.list()).toMatchObject([{ system: "new" }]);
      expect(await store.delete(name)).toBe(true);
      expect(await store.delete(name)).toBe(false);
      expect(await store.list()).toEqual([]);
      expect(namesIn(directory)).toEqual([]);
    },
  );

  test("does not take a look-alike for the same name", async () => {
    const { store } = open();
    await store.put({ ...tim, name: "kim" });
    expect(await store.get("kim")).toBeDefined();
    const kelvin = "\u212Aim";
    expect(kelvin.toLowerCase()).toBe("kim");
    expect(await store.get(kelvin)).toBeUndefined();
    expect(await store.delete(kelvin)).toBe(false);
  });

  test("keeps names apart that look the same in a file name", async () => {
    const { store } = open();
    const host = `${"h".repeat(345)}:8080`;
    const names = ["a:b", "a-b:latest", "a/b:latest", "A.b:latest", `${host}/n/a:b`];
    names.push(`${host}/n/a:c`, `${"_".repeat(80)}:${"_".repeat(80)}`);
    for (const name of names) await store.put({ ...tim, name });
    const listed = (await store.list()).map(({ name }) => name);
    expect(listed.toSorted()).toEqual(names.toSorted());
  });

  test("writes short, plain file names", async () => {
    const { directory, store } = open();
    await store.put({ ...tim, name: `${"Host.".repeat(70)}/Name_space/Model.v1:Q4_K_M` });
    await store.put({ ...tim, name: "x" });
    for (const name of namesIn(directory)) {
      expect(name).toMatch(/^[a-z0-9][a-z0-9._-]{0,59}-[0-9a-f]{16}\.json$/);
    }
  });

  test("keeps a file that people can read and others can't", async () => {
    const { directory, store } = open();
    await store.put(tim);
    const file = onlyFile(directory);
    expect(readFileSync(file, "utf8")).toBe(`${JSON.stringify(tim, null, 2)}\n`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, "models")).mode & 0o777).toBe(0o700);
  });

  test("refuses what it could not read again, and stays as it was", async () => {
    const { store } = open();
    await store.put(tim);
    const put = (change: object) => store.put({ ...tim, ...change });
    await expect(put({ from: "https://example.com/v1" })).rejects.toMatchObject({
      status: 400,
      message: "from: expected the name of a model, not a URL",
    });
    await expect(put({ name: "../x" })).rejects.toMatchObject({ status: 400 });
    await expect(put({ system: "x".repeat(9 * 1024 * 1024) })).rejects.toMatchObject({
      status: 413,
      message: "the model is too large to be kept",
    });
    expect(await store.list()).toEqual([tim]);
  });

  test("keeps what a later version wrote of a model", async () => {
    const { directory, store } = open();
    const later = { ...tim, draft: { from: "small" } };
    await store.put(later);
    expect(await open(directory).store.list()).toEqual([later]);
  });

  test("takes many changes at once in the order they came", async () => {
    const { store } = open();
    const versions = Array.from({ length: 20 }, (_, index) => String(index));
    const puts = versions.map((system) => store.put({ ...tim, system }));
    await Promise.all([...puts, store.list()]);
    expect(await store.get("tim")).toMatchObject({ system: "19" });
  });
});

describe("two stores over one directory", () => {
  test("see each other's changes within a second", async () => {
    const one = open();
    const other = open(one.directory);
    await one.store.put({ ...tim, name: "replaced" });
    await one.store.put({ ...tim, name: "deleted" });
    expect(await other.store.list()).toHaveLength(2);

    await one.store.put({ ...tim, name: "added" });
    await one.store.put({ ...tim, name: "replaced", system: "new" });
    await one.store.delete("deleted");
    await sleep(A_SECOND);
    expect(await other.store.list()).toMatchObject([
      { name: "added:latest" },
      { name: "replaced:latest", system: "new" },
    ]);

    await other.store.put({ ...tim, name: "replaced", system: "newer" });
    await sleep(A_SECOND);
    expect(await one.store.get("replaced")).toMatchObject({ system: "newer" });
    expect([...one.log.lines, ...other.log.lines]).toEqual([]);
  });

  test("see what an editor wrote in place, and nothing half written", async () => {
    const { directory, log, store } = open();
    await store.put(tim);
    const file = onlyFile(directory);
    writeFileSync(file, '{ "name": "tim:la');
    await sleep(A_SECOND / 2);
    expect(await store.list()).toEqual([tim]);
    writeFileSync(file, JSON.stringify({ ...tim, system: "edited" }));
    await sleep(A_SECOND);
    expect(await store.list()).toMatchObject([{ system: "edited" }]);
    expect(log.lines).toEqual([]);
  });
});

describe("a look at the disk", () => {
  /** Of the clock that tells how old what is known is. */
  function holdTime(): void {
    vi.useFakeTimers({ toFake: ["performance"] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
  }

  test("is waited for by all who ask first", async () => {
    const { directory, store } = open();
    await store.put(tim);
    const again = open(directory).store;
    const lists = await Promise.all([again.list(), again.list(), again.list()]);
    expect(lists).toEqual([[tim], [tim], [tim]]);
  });

  test("goes on behind an answer from what is known", async () => {
    holdTime();
    const one = open();
    const other = open(one.directory);
    expect(await other.store.list()).toEqual([]);
    await one.store.put(tim);
    vi.advanceTimersByTime(499);
    await other.store.list();
    expect(await other.store.list()).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(await other.store.list()).toEqual([]);
    await expect.poll(() => other.store.list(), { timeout: 5_000 }).toEqual([tim]);
  });

  test("is waited for when what is known may be a second old", async () => {
    holdTime();
    const one = open();
    const other = open(one.directory);
    expect(await other.store.list()).toEqual([]);
    await one.store.put(tim);
    vi.advanceTimersByTime(A_SECOND);
    expect(await other.store.list()).toEqual([tim]);
  });

  test("that hangs holds nobody up", { timeout: 20_000 }, async ({ skip }) => {
    holdTime();
    const { directory, store } = open();
    await store.put(tim);
    const pipe = join(directory, "pipe");
    skip(spawnSync("sh", ["-c", 'mkfifo "$0"', pipe]).status !== 0, "this system has no mkfifo");
    vi.advanceTimersByTime(10 * A_SECOND);
    // Each takes one of the few threads that wait for the disk, until somebody writes.
    const waiting = Array.from({ length: 16 }, () => openFile(pipe, "r"));
    try {
      for (let asked = 0; asked < 3; asked += 1) expect(await store.get("tim")).toEqual(tim);
    } finally {
      const writer = openSync(pipe, "r+");
      for (const file of waiting) await (await file).close();
      closeSync(writer);
    }
    await store.put({ ...tim, system: "new" });
    expect(await store.get("tim")).toMatchObject({ system: "new" });
  });
});

describe("a file that holds no model", () => {
  test("is set aside under the next free number and told once", async () => {
    const { directory, log, store } = open();
    await store.put(tim);
    const file = onlyFile(directory);
    const [name = ""] = namesIn(directory);
    const keptAs = [`.corrupt-${name}-1`, `.corrupt-${name}-2`];
    for (const [round, expected] of keptAs.entries()) {
      writeFileSync(file, `{"secret":"CANARY-${round}"`);
      age(file, 10);
      const again = open(directory);
      expect(await again.store.list()).toEqual([]);
      await sleep(A_SECOND);
      expect(await again.store.list()).toEqual([]);
      expect(again.log.lines).toEqual([
        {
          level: "error",
          fields: { file: expected, defect: "not JSON" },
          message: "a file of the model store was set aside",
        },
      ]);
      expect(readFileSync(join(directory, "models", expected), "utf8")).toContain("CANARY");
    }
    await store.put(tim);
    expect(await store.list()).toEqual([tim]);
    expect(namesIn(directory).toSorted()).toEqual([...keptAs, name]);
    expect(log.lines).toEqual([]);
  });

  test("is one whose name belongs to another file", async () => {
    const { directory, store } = open();
    await store.put(tim);
    const file = onlyFile(directory);
    renameSync(file, join(directory, "models", "other.json"));
    age(join(directory, "models", "other.json"), 10);
    const again = open(directory);
    expect(await again.store.list()).toEqual([]);
    expect(again.log.lines).toMatchObject([
      { fields: { file: ".corrupt-other.json-1", defect: "its name belongs to another file" } },
    ]);
  });
});

describe("at the start", () => {
  test("what a killed write left goes, what a running one writes stays", async () => {
    const { directory, store } = open();
    await store.put(tim);
    const models = join(directory, "models");
    const [name = ""] = namesIn(directory);
    for (const leftover of [".old.json.0011aabb.tmp", ".new.json.0011aabb.tmp"]) {
      writeFileSync(join(models, leftover), "{");
    }
    age(join(models, ".old.json.0011aabb.tmp"), 3_600);
    expect(await open(directory).store.list()).toEqual([tim]);
    expect(namesIn(directory).toSorted()).toEqual([".new.json.0011aabb.tmp", name]);
  });

  test("a folder of models that leads elsewhere is not used", async () => {
    const elsewhere = open();
    await elsewhere.store.put(tim);
    const { directory, log, store } = open();
    symlinkSync(join(elsewhere.directory, "models"), join(directory, "models"));
    expect(await store.list()).toEqual([]);
    await expect(store.put({ ...tim, name: "x" })).rejects.toMatchObject({
      code: "store_failed",
      message: "the model could not be saved: the data directory is not a directory",
    });
    expect(await elsewhere.store.list()).toEqual([tim]);
    expect(log.lines).toEqual([
      {
        level: "error",
        fields: { problem: "ENOTDIR" },
        message: "the models of the data directory can't be read",
      },
    ]);
  });

  test("a file in place of the data directory is told, and starts nothing", async () => {
    const file = join(dataDirectory(), "file");
    writeFileSync(file, "");
    const { log, store } = open(file);
    expect(await store.list()).toEqual([]);
    await expect(store.put(tim)).rejects.toMatchObject({ code: "store_failed", status: 500 });
    expect(log.lines).toHaveLength(1);
  });
});
