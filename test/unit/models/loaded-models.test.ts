import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { configSchema } from "../../../src/config/schema.ts";
import { Cards } from "../../../src/models/cards.ts";
import { Catalog } from "../../../src/models/catalog.ts";
import { Control } from "../../../src/models/control.ts";
import { Library } from "../../../src/models/library.ts";
import { LoadedModels } from "../../../src/models/loaded-models.ts";
import { MemoryStore } from "../../../src/models/memory-store.ts";
import { Upstream } from "../../../src/upstream/upstream.ts";
import { keepLogs } from "../../support/data-directory.ts";

const MINUTE = 60_000;
const ids = Array.from({ length: 1_005 }, (_, index) => `m${index}`);
const config = configSchema.parse({
  upstreams: [{ id: "a", base_url: "http://127.0.0.1:1/v1", dialect: "vllm", models: ids }],
});

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

function start() {
  const log = keepLogs();
  const catalog = new Catalog(
    config.upstreams.map((upstream) => new Upstream(upstream, config)),
    {},
    log,
  );
  const store = new MemoryStore();
  const library = new Library(catalog, store);
  const cards = new Cards(config, new Date());
  const control = new Control(catalog, log);
  const options = { cards, catalog, library, control, defaultKeepAlive: 5 * MINUTE };
  const loaded = new LoadedModels(options);
  const use = async (name: string, keepAlive?: number) => {
    const model = await library.find(name);
    if (model === undefined) throw new Error(`no ${name}`);
    loaded.use(model, keepAlive);
  };
  const names = async () => (await loaded.list()).map(({ name }) => name);
  return { store, use, names };
}

test("of very many models those used last are told", async () => {
  const { use, names } = start();
  for (const id of ids.slice(0, 1_000)) await use(id);
  await use("m0");
  for (const id of ids.slice(1_000)) await use(id);
  const told = await names();
  expect(told).toHaveLength(1_000);
  expect(told).toContain("m0:latest");
  expect(told).toContain("m1004:latest");
  for (const gone of ["m1:latest", "m5:latest"]) expect(told).not.toContain(gone);
  expect(told).toContain("m6:latest");
});

test("what has expired takes no other's place", async () => {
  const { use, names } = start();
  await use("m0", 10 * MINUTE);
  for (const id of ids.slice(1, 1_000)) await use(id, MINUTE);
  vi.advanceTimersByTime(2 * MINUTE);
  await use("m1000", MINUTE);
  expect(await names()).toEqual(["m0:latest", "m1000:latest"]);
});

test("what the library no longer has is told no more", async () => {
  const { store, use, names } = start();
  const model = { from: "m0", modified_at: "2026-01-02T03:04:05.678Z" };
  await store.put({ ...model, name: "tim:latest" });
  await use("tim");
  await use("a/m0");
  expect((await names()).toSorted()).toEqual(["m0:latest", "tim:latest"]);
  await store.delete("tim");
  expect(await names()).toEqual(["m0:latest"]);
  await store.put({ ...model, name: "tim:latest" });
  expect(await names()).toEqual(["m0:latest"]);
});
