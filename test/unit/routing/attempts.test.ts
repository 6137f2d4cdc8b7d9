import { describe, expect, onTestFinished, test } from "vitest";
import { configSchema, type Config, type ConfigFile } from "../../../src/config/schema.ts";
import { ProxyError } from "../../../src/errors.ts";
import { Cards } from "../../../src/models/cards.ts";
import { Attempts, type AttemptsOptions } from "../../../src/routing/attempts.ts";
import type { Target } from "../../../src/routing/resolve.ts";
import { RetryBudget } from "../../../src/routing/retry-budget.ts";
import { Upstream } from "../../../src/upstream/upstream.ts";

type UpstreamFile = NonNullable<ConfigFile["upstreams"]>[number];

interface Scene {
  readonly config: Config;
  /** By their ids. */
  readonly upstreams: ReadonlyMap<string, Upstream>;
  /** The tries of another request. */
  readonly ask: (more?: Partial<AttemptsOptions>) => Attempts;
}

/** Backends that nobody connects to: all that is asked here is who would be. */
function scene(
  ids: readonly string[],
  given: ConfigFile = {},
  own: Partial<UpstreamFile> = {},
): Scene {
  const config = configSchema.parse({
    ...given,
    upstreams: ids.map((id) => ({ id, base_url: "http://127.0.0.1:1/v1", ...own })),
  });
  const cards = new Cards(config, new Date());
  const upstreams = new Map(config.upstreams.map((each) => [each.id, new Upstream(each, config)]));
  const targets = [...upstreams.values()].map((upstream): Target => {
    const model = { name: "m:latest", upstream, entry: { id: "m" } };
    return { model, facts: cards.facts(model) };
  });
  onTestFinished(async () => {
    for (const upstream of upstreams.values()) await upstream.close();
  });
  return {
    config,
    upstreams,
    ask: (more) =>
      new Attempts({
        model: "m:latest",
        tiers: [targets],
        failover: config.failover,
        budget: new RetryBudget(config.failover.budget),
        clientKey: undefined,
        signal: new AbortController().signal,
        onMissing: () => {},
        onClose: () => {},
        ...more,
      }),
  };
}

const down = new ProxyError("upstream_unreachable", "down");
const unclear = new ProxyError("upstream_failed", "boom", { status: 500, ambiguous: true });

/** One request that fails wherever it goes. @returns where it went */
async function failing(attempts: Attempts, error = down): Promise<string[]> {
  const asked: string[] = [];
  for (let lease = await attempts.first().catch(() => undefined); lease !== undefined;) {
    asked.push(lease.target.model.upstream.id);
    lease.end(error);
    lease = await attempts.after(error, lease);
  }
  attempts.close();
  return asked;
}

describe("a try", () => {
  test("takes a place until it ends, and its first end counts", async () => {
    const { ask, upstreams } = scene(["a"], { circuit: { failures: 1 } });
    const a = upstreams.get("a");
    const lease = await ask().first();
    expect(a?.slots.running).toBe(1);
    lease.end("ok");
    lease.end(down);
    expect(a?.slots.running).toBe(0);
    expect(a?.circuit.state).toBe("closed");
  });

  test.each([
    ["left", "closed"],
    [new ProxyError("upstream_rejected", "no"), "closed"],
    [new ProxyError("upstream_rejected", "no", { status: 404 }), "closed"],
    [down, "open"],
    [unclear, "open"],
  ] as const)("that ends with %s leaves the circuit %j", async (outcome, state) => {
    const { ask, upstreams } = scene(["a"], { circuit: { failures: 1 } });
    (await ask().first()).end(outcome);
    expect(upstreams.get("a")?.circuit.state).toBe(state);
  });

  test("tells of a model that is not where it was listed", async () => {
    const { ask } = scene(["a"]);
    const missing: string[] = [];
    const lease = await ask({ onMissing: ({ id }) => missing.push(id) }).first();
    const refusal = { status: 404, message: "no such model", locations: [] };
    lease.end(new ProxyError("upstream_rejected", refusal.message, { status: 404, refusal }));
    expect(missing).toEqual(["a"]);
  });

  test("is not cut short for another key, nor where no other may follow", async () => {
    const failover = { ambiguous: true, first_byte: 1 };
    const { ask } = scene(["a", "b", "c"], { failover });
    const attempts = ask();
    const first = await attempts.first();
    expect(first.firstByte).toBe(1_000);
    const silent = new ProxyError("upstream_timeout", "late", { ambiguous: true });
    first.end(silent);
    const second = await attempts.after(silent, first);
    expect(second?.firstByte).toBeGreaterThan(1_000);
    const alone = await scene(["a"], { failover }, { api_key: ["1", "2"] })
      .ask()
      .first();
    expect(alone.firstByte).toBeGreaterThan(1_000);
  });

  test("has the time that its backend has, less where another can take over", async () => {
    const patience = async (given: ConfigFile, ids = ["a", "b"]) => {
      const attempts = scene(ids, given).ask();
      const first = await attempts.first();
      first.end(unclear);
      const second = await attempts.after(unclear, first);
      return [first.firstByte, second?.firstByte];
    };
    const timeouts = { first_byte: 300 };
    expect(await patience({ timeouts })).toEqual([300_000, undefined]);
    expect(await patience({ timeouts, failover: { ambiguous: true } }, ["a"])).toEqual([
      300_000,
      undefined,
    ]);
    expect(await patience({ timeouts, failover: { ambiguous: true } })).toEqual([60_000, 300_000]);
    const [, late = 0] = await patience({ timeouts, failover: { ambiguous: true, deadline: 70 } });
    expect(late).toBeGreaterThan(60_000);
    expect(late).toBeLessThanOrEqual(70_000);
  });
});

describe("the tries of a request", () => {
  test("go to each backend once", async () => {
    expect(await failing(scene(["a", "b"]).ask())).toEqual(["a", "b"]);
  });

  test("are as many as `attempts`", async () => {
    const failover = { attempts: 2 };
    expect(await failing(scene(["a", "b", "c"], { failover }).ask())).toEqual(["a", "b"]);
  });

  test("that may be paid for twice need to be wanted, and are two at most", async () => {
    expect(await failing(scene(["a", "b", "c"]).ask(), unclear)).toEqual(["a"]);
    const failover = { ambiguous: true };
    expect(await failing(scene(["a", "b", "c"], { failover }).ask(), unclear)).toEqual(["a", "b"]);
  });

  test("use each key of a backend that refuses it, in turn", async () => {
    const api_key = ["one", "two"];
    const { ask } = scene(["a", "b"], {}, { api_key });
    const limited = new ProxyError("upstream_overloaded", "slow down", {
      status: 429,
      retryAfter: 9,
    });
    expect(await failing(ask(), limited)).toEqual(["a", "a", "b"]);
    expect(await failing(ask(), limited)).toEqual(["b"]);
    expect(await failing(ask(), limited)).toEqual([]);
  });

  test("are told, but for the last one", async () => {
    const attempts = scene(["a", "b"], { failover: { ambiguous: true } }).ask();
    await failing(attempts, unclear);
    expect(attempts.retries).toEqual([{ upstream: "a", code: "upstream_failed", ambiguous: true }]);
  });

  test("end when the client leaves", async () => {
    const { ask } = scene(["a", "b"]);
    const leaving = new AbortController();
    const attempts = ask({ signal: leaving.signal });
    const lease = await attempts.first();
    lease.end(down);
    leaving.abort(new ProxyError("client_closed", "gone"));
    expect(await attempts.after(down, lease).catch(() => undefined)).toBeUndefined();
    await expect(ask({ signal: leaving.signal }).first()).rejects.toMatchObject({
      message: "gone",
    });
  });
});

describe("the budget of a model", () => {
  test("lets three second tries be under way at a time, however few requests there are", async () => {
    const { ask } = scene(["a", "b"], { circuit: { failures: 99 } });
    const budget = new RetryBudget(0.2);
    const second = async () => {
      const attempts = ask({ budget });
      const lease = await attempts.first();
      lease.end(down);
      return { attempts, next: await attempts.after(down, lease) };
    };
    const all = [await second(), await second(), await second(), await second()];
    expect(all.map(({ next }) => next?.target.model.upstream.id)).toEqual([
      "b",
      "b",
      "b",
      undefined,
    ]);
    for (const { attempts } of all) attempts.close();
    expect((await second()).next).toBeDefined();
  });
});

describe("a backend that fails", () => {
  const circuit = { failures: 1, open: 60 };

  test("is left alone, but for one request a second where there is no other", async () => {
    const { ask } = scene(["a", "b"], { circuit });
    expect(await failing(ask())).toEqual(["a", "b"]);
    const resorts = [await failing(ask()), await failing(ask()), await failing(ask())];
    expect(resorts).toEqual([["a"], [], []]);
  });

  test("is told of by the name of the model, with the time until it is tried again", async () => {
    const { ask } = scene(["a"], { circuit });
    await failing(ask());
    const resort = await ask().first();
    await expect(ask().first()).rejects.toMatchObject({
      status: 503,
      message: "no healthy upstream for model 'm:latest'",
      retryAfter: expect.toSatisfy((seconds: number) => seconds >= 1 && seconds <= 60),
    });
    resort.end("ok");
    (await ask().first()).end("ok");
  });

  test("is asked by one request once its time is over, and by all if that went well", async () => {
    const { ask, upstreams } = scene(["a"], { circuit });
    await failing(ask());
    upstreams.get("a")?.circuit.allowProbe();
    const probe = await ask().first();
    await expect(ask().first()).rejects.toMatchObject({ code: "no_upstream" });
    probe.answered();
    for (const lease of [await ask().first(), await ask().first()]) lease.end("ok");
  });
});

describe("a backend that rests", () => {
  const pause = new ProxyError("upstream_overloaded", "loading", { status: 503, retryAfter: 99 });

  test("is not asked as a last resort either; what it said is told, with the seconds left", async () => {
    const { ask, upstreams } = scene(["a"]);
    upstreams.get("a")?.rest(1_500, pause);
    await expect(ask().first()).rejects.toMatchObject({
      status: 503,
      code: "upstream_overloaded",
      message: "loading",
      retryAfter: 2,
    });
  });

  test("beside one that fails: nobody is well, for as long as the shorter of both takes", async () => {
    const { ask, upstreams } = scene(["a", "b"], { circuit: { failures: 1, open: 60 } });
    expect(await failing(ask())).toEqual(["a", "b"]);
    upstreams.get("a")?.rest(4_500, pause);
    (await ask().first()).end(down);
    await expect(ask().first()).rejects.toMatchObject({ code: "no_upstream", retryAfter: 5 });
  });
});
