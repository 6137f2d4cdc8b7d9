import { describe, expect, onTestFinished, test } from "vitest";
import { configSchema, type ConfigFile } from "../../../src/config/schema.ts";
import type { CatalogModel } from "../../../src/models/catalog-model.ts";
import { NamedModels } from "../../../src/models/named-models.ts";
import { RouteTable } from "../../../src/models/route-table.ts";
import { withTag } from "../../../src/ollama/model-name.ts";
import { Upstream } from "../../../src/upstream/upstream.ts";

type UpstreamFile = NonNullable<ConfigFile["upstreams"]>[number];

/** What each backend lists, by its id; nobody is connected to. */
function named(
  lists: Readonly<Record<string, readonly string[]>>,
  routes: NonNullable<ConfigFile["routes"]> = {},
  own: Readonly<Record<string, Partial<UpstreamFile>>> = {},
): NamedModels {
  const config = configSchema.parse({
    routes,
    upstreams: Object.keys(lists).map((id) => ({ id, base_url: "http://127.0.0.1:1", ...own[id] })),
  });
  const upstreams = config.upstreams.map((each) => new Upstream(each, config));
  onTestFinished(async () => {
    for (const upstream of upstreams) await upstream.close();
  });
  const listed = upstreams.flatMap((upstream) =>
    (lists[upstream.id] ?? []).map((id) => ({ name: withTag(id), upstream, entry: { id } })),
  );
  return new NamedModels(listed, new RouteTable(config.routes), upstreams);
}

/** Where it is to be had, best first. */
function places(model: CatalogModel | undefined): string[] | undefined {
  const targets = model?.route?.targets.map((target) => target.model) ?? (model && [model]);
  return targets?.map(({ upstream, entry }) => `${upstream.id}: ${entry.id}`);
}

const names = ({ models }: NamedModels) => models.map(({ name }) => name);

describe("the list", () => {
  test("has each name once, in the order of the backends, then what only routes name", () => {
    const models = named(
      { a: ["x", "Y"], b: ["y", "z"] },
      {
        new: { targets: [{ upstream: "b" }] },
        Z: { fallback: ["x"] },
        "n*": { policy: "weighted" },
      },
    );
    expect(names(models)).toEqual(["x:latest", "Y:latest", "z:latest", "new:latest"]);
  });

  test("has no route that leads nowhere", () => {
    expect(names(named({ a: ["x"] }, { nothing: { fallback: ["x"] } }))).toEqual(["x:latest"]);
  });

  test("says of a model with one place and no fallback that it has no route", () => {
    expect(named({ a: ["x"] }).models[0]?.route).toBeUndefined();
    expect(named({ a: ["x"] }, { x: { fallback: ["y"] } }).models[0]?.route).toBeDefined();
  });
});

describe("a name", () => {
  const lists = { a: ["Org/X", "y:7b"], b: ["org/x"] };

  test.for([
    ["org/x", ["a: Org/X", "b: org/x"]],
    ["ORG/X:latest", ["a: Org/X", "b: org/x"]],
    ["a/org/x", ["a: Org/X"]],
    ["B/Org/x:latest", ["b: org/x"]],
    ["y:7b", ["a: y:7b"]],
    ["y", undefined],
    ["b/y:7b", undefined],
    ["", undefined],
  ] as const)("is found however it is written: %s", ([name, expected]) => {
    expect(places(named(lists).lookUp(name))).toEqual(expected);
  });

  test("may be the backend's id where clients see another", () => {
    const config = { a: { rename: { "models/x": "nice" } } };
    const models = named({ a: ["models/x"] }, {}, config);
    expect(places(models.lookUp("models/x"))).toEqual(["a: models/x"]);
  });

  test("is asked for by priority, and among equals in the order of the backends", () => {
    const own = { a: { priority: 5 }, c: { priority: -1 } };
    const models = named({ a: ["x"], b: ["x"], c: ["x"], d: ["x"] }, {}, own);
    expect(places(models.lookUp("x"))).toEqual(["c: x", "b: x", "d: x", "a: x"]);
    expect(models.lookUp("x")?.upstream.id).toBe("c");
  });

  test("of Ollamas and of others is only the first one's kind's", () => {
    const own = { b: { kind: "ollama" as const } };
    const models = named({ a: ["x"], b: ["x"], c: ["x"] }, {}, own);
    expect(places(models.lookUp("x"))).toEqual(["a: x", "c: x"]);
    expect(places(models.lookUp("b/x"))).toEqual(["b: x"]);
  });
});

describe("a route's targets", () => {
  const lists = { a: ["gpt-4O"], b: ["other"] };

  test("have the name that was asked for where they have none of their own", () => {
    const models = named(lists, { "fast:latest": { targets: [{ upstream: "a" }] } });
    expect(places(models.lookUp("Fast"))).toEqual(["a: fast"]);
  });

  test("are looked up in the list of their backend, by its id and by the name clients see", () => {
    const routes = { fast: { targets: [{ upstream: "a", model: "GPT-4o:latest" }] } };
    expect(places(named(lists, routes).lookUp("fast"))).toEqual(["a: gpt-4O"]);
  });

  test("have a star's text as it was spelled", () => {
    const targets = [{ upstream: "a", model: "gpt-*" }];
    const models = named(lists, { "my-*": { targets } });
    expect(places(models.lookUp("MY-4O"))).toEqual(["a: gpt-4O"]);
    expect(models.lookUp("my-5")).toBeUndefined();
  });

  test("of a pattern are those that list the model", () => {
    const targets = [
      { upstream: "b", model: "gpt-*" },
      { upstream: "a", model: "gpt-*" },
    ];
    expect(places(named(lists, { "my-*": { targets } }).lookUp("my-4o"))).toEqual(["a: gpt-4O"]);
  });

  test("have the priorities and weights of their backends, or their own", () => {
    const targets = [
      { upstream: "a", weight: 3 },
      { upstream: "b", priority: -1 },
    ];
    const own = { a: { priority: 7 }, b: { priority: 9, weight: 2 } };
    const { route } = named(lists, { fast: { targets } }, own).lookUp("fast") ?? {};
    expect(
      route?.targets.map(({ model, priority, weight }) => [model.upstream.id, priority, weight]),
    ).toEqual([
      ["b", -1, 2],
      ["a", 7, 3],
    ]);
  });
});

describe("what is in no list", () => {
  const all = () => true;

  test("may be had at backends that told nothing", () => {
    const models = named({ a: ["x"], b: [], c: [] });
    const isSilent = ({ id }: Upstream) => id !== "a";
    expect(places(models.guess("New:latest", isSilent))).toEqual(["b: New", "c: New"]);
    expect(places(models.guess("c/New", isSilent))).toEqual(["c: New"]);
    expect(models.guess("a/New", isSilent)?.upstream.id).toBe("b");
    expect(models.guess("New", () => false)).toBeUndefined();
    expect(models.guess(" ", isSilent)).toBeUndefined();
  });

  test("but not at those that do not serve it", () => {
    const models = named({ a: [], b: [] }, {}, { a: { include: ["gpt-*"] } });
    expect(places(models.guess("llama", all))).toEqual(["b: llama"]);
    expect(places(models.guess("gpt-5", all))).toEqual(["a: gpt-5", "b: gpt-5"]);
  });

  test("goes where a pattern leads, as far as that told nothing", () => {
    const targets = [{ upstream: "a", model: "gpt-*" }, { upstream: "b" }];
    const models = named({ a: [], b: ["x"] }, { "my-*": { targets } });
    expect(places(models.guess("my-5", ({ id }) => id === "a"))).toEqual(["a: gpt-5"]);
  });

  test("is the same object for as long as its places are the same: turns are counted by it", () => {
    const targets = [
      { upstream: "a", model: "x" },
      { upstream: "b", model: "x" },
    ];
    const models = named({ a: ["x"], b: ["x"] }, { "my-*": { targets } });
    expect(models.lookUp("my-1")).toBe(models.lookUp("MY-1:latest"));
    expect(models.lookUp("my-1")).not.toBe(models.lookUp("my-2"));
    const both = models.guess("new", all);
    expect(models.guess("new", all)).toBe(both);
    expect(places(models.guess("new", ({ id }) => id === "b"))).toEqual(["b: new"]);
  });

  test("is kept for so many names only", () => {
    const models = named({ a: [] });
    const first = models.guess("first", all);
    for (let place = 0; place < 1_000; place += 1) models.guess(`name-${place}`, all);
    expect(models.guess("first", all)).not.toBe(first);
  });
});
