import { expect, test } from "vitest";
import { MemoryStore } from "../../../src/models/memory-store.ts";
import type { VirtualModel } from "../../../src/models/virtual-model.ts";

const tim: VirtualModel = {
  name: "tim:latest",
  from: "smol",
  modified_at: "2026-01-02T03:04:05.678Z",
};

test.each([
  [{ from: "https://example.com/v1" }, 400],
  [{ name: "../x" }, 400],
  [{ modified_at: "yesterday" }, 400],
  [{ system: "x".repeat(9 * 1024 * 1024) }, 413],
])("refuses what a file could not keep (%#)", async (change, status) => {
  const store = new MemoryStore();
  await expect(store.put({ ...tim, ...change })).rejects.toMatchObject({ status });
  expect(await store.list()).toEqual([]);
});

test("keeps a model as a file would", async () => {
  const store = new MemoryStore();
  await store.put({ ...tim, name: "Tim" });
  expect(await store.get("TIM:latest")).toEqual({ ...tim, name: "Tim:latest" });
  expect(await store.delete("tim")).toBe(true);
  expect(await store.list()).toEqual([]);
});

test("keeps so many models, and lets them change", async () => {
  const store = new MemoryStore();
  for (let count = 0; count < 1_000; count += 1) await store.put({ ...tim, name: `m${count}` });
  await expect(store.put(tim)).rejects.toMatchObject({
    code: "store_failed",
    message: "more than 1000 models can't be kept in memory",
  });
  await store.put({ ...tim, name: "m7", system: "new" });
  expect(await store.get("m7")).toMatchObject({ system: "new" });
  await store.delete("m8");
  await store.put(tim);
  expect(await store.list()).toHaveLength(1_000);
});
