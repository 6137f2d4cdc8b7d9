import { describe, expect, test } from "vitest";
import { ProxyError } from "../../../src/errors.ts";
import { KeyRing } from "../../../src/upstream/key-ring.ts";

const limited = new ProxyError("upstream_overloaded", "too many requests");
const rejected = new ProxyError("upstream_unauthorized", "no such key");

function start(...secrets: string[]) {
  const clock = { time: 0 };
  const ring = new KeyRing(secrets, () => clock.time);
  const take = () => {
    const key = ring.take();
    if (key === undefined) throw new Error("no key");
    return key;
  };
  return { ring, clock, take };
}

describe("taking", () => {
  test("gives each key in turn", () => {
    const { take } = start("a", "b", "c");
    expect(Array.from({ length: 7 }, () => take().secret).join("")).toBe("abcabca");
  });

  test("gives one without a secret where there is no key", () => {
    const { ring, take } = start();
    const key = take();
    expect(key).toEqual({ place: 0, secret: undefined });
    expect(take()).toBe(key);
    expect(ring.take(new Set([key]))).toBeUndefined();
  });

  test("passes over those that were tried or rest", () => {
    const { ring, take } = start("a", "b", "c");
    const tried = new Set([take()]);
    ring.rest(take(), 1_000, limited);
    expect(ring.take(tried)?.secret).toBe("c");
    expect(ring.take(tried)?.secret).toBe("c");
    expect(ring.take()?.secret).toBe("a");
  });
});

describe("resting", () => {
  test("ends by itself", () => {
    const { ring, clock, take } = start("a");
    ring.rest(take(), 1_000, limited);
    clock.time = 999;
    expect(ring.take()).toBeUndefined();
    clock.time = 1_000;
    expect(ring.take()?.secret).toBe("a");
    expect(ring.resting).toBeUndefined();
  });

  test("of all keys is told by the one that ends first", () => {
    const { ring, take } = start("a", "b");
    ring.rest(take(), 60_000, rejected);
    expect(ring.resting).toBeUndefined();
    ring.rest(take(), 5_000, limited);
    expect(ring.resting).toEqual({ until: 5_000, error: limited });
  });

  test("is not cut short by a later, shorter rest", () => {
    const { ring, take } = start("a");
    const key = take();
    ring.rest(key, 60_000, rejected);
    ring.rest(key, 5_000, limited);
    expect(ring.resting).toEqual({ until: 60_000, error: rejected });
    ring.rest(key, 90_000, limited);
    expect(ring.resting).toEqual({ until: 90_000, error: limited });
  });

  test("is listed by place, in whole seconds, without the key", () => {
    const { ring, clock, take } = start("secret-a", "secret-b");
    take();
    ring.rest(take(), 4_500, limited);
    clock.time = 1_000;
    expect(ring.list()).toEqual([
      { key: 1 },
      { key: 2, rests_s: 4, because: "upstream_overloaded" },
    ]);
  });
});

describe("alarms", () => {
  test("are seen while the key rests, and for a minute at least", () => {
    const { ring, clock, take } = start("a", "b");
    ring.raiseAlarm(take(), 0, rejected);
    ring.raiseAlarm(take(), 300_000, limited);
    expect(ring.alarms).toEqual([rejected, limited]);
    clock.time = 60_000;
    expect(ring.alarms).toEqual([limited]);
    clock.time = 300_000;
    expect(ring.alarms).toEqual([]);
  });

  test("end when the key is accepted, and no other", () => {
    const { ring, take } = start("a", "b");
    ring.raiseAlarm(take(), 1_000, rejected);
    ring.raiseAlarm(take(), 1_000, rejected);
    ring.accepted("a");
    expect(ring.alarms).toEqual([rejected]);
    ring.accepted("c");
    ring.accepted("b");
    expect(ring.alarms).toEqual([]);
  });
});
