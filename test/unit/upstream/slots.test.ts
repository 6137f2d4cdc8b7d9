import { getEventListeners } from "node:events";
import * as fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Slots, waitForSlot } from "../../../src/upstream/slots.ts";

const never = new AbortController().signal;
const busy = {
  code: "server_busy",
  status: 503,
  retryAfter: 1,
  message: "server busy, please try again.  maximum pending requests exceeded",
};

/** Lets everything that was settled be told. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

afterEach(() => {
  vi.useRealTimers();
});

describe("slots", () => {
  test("are as many as they are", () => {
    const slots = new Slots({ concurrent: 2, queue: 0 });
    expect([slots.tryTake(), slots.tryTake(), slots.tryTake()]).toEqual([true, true, false]);
    expect(slots.running).toBe(2);
    slots.release();
    expect(slots.tryTake()).toBe(true);
  });

  test("go to who waits, past whoever comes just then", async () => {
    const slots = new Slots({ concurrent: 1, queue: 1 });
    slots.tryTake();
    const waiting = waitForSlot([slots], 60_000, never);
    slots.release();
    expect(slots.tryTake()).toBe(false);
    expect(await waiting).toBe(slots);
    expect(slots).toMatchObject({ running: 1, queued: 0 });
  });
});

describe("waiting", () => {
  test("is in turn, and in all queues at once", async () => {
    const [one, other] = [slotsOf(0), slotsOf(0)];
    const served: string[] = [];
    const wait = async (name: string, slots: Slots[]) => {
      const taken = await waitForSlot(slots, 60_000, never);
      served.push(`${name} ${taken === one ? "one" : "other"}`);
    };
    const all = [wait("a", [one]), wait("b", [one, other]), wait("c", [other, one])];
    expect([one.queued, other.queued]).toEqual([3, 2]);
    for (const slots of [other, one, one]) {
      slots.release();
      await settled();
    }
    await Promise.all(all);
    expect(served).toEqual(["b other", "a one", "c one"]);
    expect([one.queued, other.queued]).toEqual([0, 0]);
  });

  test("is not needed where one is free: the first of them", async () => {
    const [full, first, second] = [slotsOf(0), slotsOf(1), slotsOf(1)];
    expect(await waitForSlot([full, first, second], 60_000, never)).toBe(first);
  });

  test("is refused at once when no queue has room, or there is none", async () => {
    const full = new Slots({ concurrent: 1, queue: 0 });
    full.tryTake();
    await expect(waitForSlot([full], 60_000, never)).rejects.toMatchObject(busy);
    await expect(waitForSlot([], 60_000, never)).rejects.toMatchObject(busy);
  });

  test("ends when the time is over", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const slots = [slotsOf(0), slotsOf(0)];
    const refused = expect(waitForSlot(slots, 30_000, never)).rejects.toMatchObject(busy);
    await vi.advanceTimersByTimeAsync(29_999);
    expect(slots.map(({ queued }) => queued)).toEqual([1, 1]);
    await vi.advanceTimersByTimeAsync(1);
    await refused;
    expect(slots.map(({ queued }) => queued)).toEqual([0, 0]);
  });

  test("ends with the signal's reason", async () => {
    const stop = new AbortController();
    const slots = [slotsOf(0), slotsOf(0)];
    const refused = expect(waitForSlot(slots, 60_000, stop.signal)).rejects.toThrow("gone");
    stop.abort(new Error("gone"));
    await refused;
    expect(slots.map(({ queued }) => queued)).toEqual([0, 0]);
    const free = slotsOf(1);
    await expect(waitForSlot([free], 60_000, stop.signal)).rejects.toThrow("gone");
    expect(free.running).toBe(0);
  });

  test("leaves no timer and no listener, however it ends", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const stop = new AbortController();
    const [served, aborted] = [slotsOf(0), slotsOf(0)];
    const results = Promise.allSettled([
      waitForSlot([served], 60_000, stop.signal),
      waitForSlot([aborted], 30_000, stop.signal),
      waitForSlot([aborted], 60_000, stop.signal),
    ]);
    expect(vi.getTimerCount()).toBe(3);
    expect(getEventListeners(stop.signal, "abort")).toHaveLength(3);
    served.release();
    vi.advanceTimersByTime(30_000);
    expect(vi.getTimerCount()).toBe(1);
    expect(getEventListeners(stop.signal, "abort")).toHaveLength(1);
    stop.abort();
    expect((await results).map(({ status }) => status)).toEqual([
      "fulfilled",
      "rejected",
      "rejected",
    ]);
    expect(vi.getTimerCount()).toBe(0);
    expect(getEventListeners(stop.signal, "abort")).toHaveLength(0);
  });
});

/** One slot, taken unless it is to be free. */
function slotsOf(free: 0 | 1): Slots {
  const slots = new Slots({ concurrent: 1, queue: 512 });
  if (free === 0) slots.tryTake();
  return slots;
}

describe("whatever happens", () => {
  const backends = 3;
  type Outcome = "waiting" | "busy" | "gone" | number;
  type Step =
    | { readonly do: "ask"; readonly of: readonly number[] }
    | { readonly do: "release"; readonly backend: number }
    | { readonly do: "abort"; readonly which: number };

  const backend = fc.nat({ max: backends - 1 });
  const steps: fc.Arbitrary<Step[]> = fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.record({ do: fc.constant("ask"), of: fc.uniqueArray(backend) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("release"), backend }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("abort"), which: fc.nat() }) },
    ),
    { maxLength: 40, size: "max" },
  );
  const limits = fc.array(
    fc.record({ concurrent: fc.integer({ min: 1, max: 3 }), queue: fc.nat({ max: 4 }) }),
    { minLength: backends, maxLength: backends },
  );

  /** The rules, told plainly: lists of numbers of requests. */
  class Rules {
    readonly outcomes: Outcome[] = [];
    readonly running: number[];
    readonly queues: number[][];
    readonly #limits: readonly { readonly concurrent: number; readonly queue: number }[];

    constructor(given: readonly { readonly concurrent: number; readonly queue: number }[]) {
      this.#limits = given;
      this.running = given.map(() => 0);
      this.queues = given.map(() => []);
    }

    ask(of: readonly number[]): void {
      const free = of.find((each) => this.#count(each) < (this.#limits[each]?.concurrent ?? 0));
      if (free !== undefined) {
        this.running[free] = this.#count(free) + 1;
        this.outcomes.push(free);
        return;
      }
      const number = this.outcomes.length;
      const joined = of
        .flatMap((each) => [{ queue: this.queues[each] ?? [], limit: this.#limits[each]?.queue }])
        .filter(({ queue, limit }) => queue.length < (limit ?? 0));
      for (const { queue } of joined) queue.push(number);
      this.outcomes.push(joined.length > 0 ? "waiting" : "busy");
    }

    release(from: number): void {
      const longest = this.queues[from]?.[0];
      if (longest === undefined) this.running[from] = this.#count(from) - 1;
      else this.#leave(longest, from);
    }

    abort(number: number): void {
      if (this.outcomes[number] === "waiting") this.#leave(number, "gone");
    }

    #leave(number: number, outcome: Outcome): void {
      this.outcomes[number] = outcome;
      this.queues.splice(
        0,
        backends,
        ...this.queues.map((queue) => queue.filter((waiting) => waiting !== number)),
      );
    }

    #count(of: number): number {
      return this.running[of] ?? 0;
    }
  }

  test("each is served once and in turn, refused, or gone, and the limits hold", async () => {
    await fc.assert(
      fc.asyncProperty(limits, steps, async (given, todo) => {
        const rules = new Rules(given);
        const slots = given.map((limit) => new Slots(limit));
        const outcomes: Outcome[] = [];
        const stops: AbortController[] = [];

        for (const step of todo) {
          if (step.do === "ask") {
            rules.ask(step.of);
            const number = outcomes.push("waiting") - 1;
            const stop = new AbortController();
            stops.push(stop);
            const wanted = step.of.flatMap((each) => slots[each] ?? []);
            waitForSlot(wanted, 60_000, stop.signal).then(
              (taken) => (outcomes[number] = slots.indexOf(taken)),
              () => (outcomes[number] = stop.signal.aborted ? "gone" : "busy"),
            );
          } else if (step.do === "release") {
            if (rules.running[step.backend] === 0) continue;
            rules.release(step.backend);
            slots[step.backend]?.release();
          } else if (stops.length > 0) {
            rules.abort(step.which % stops.length);
            stops[step.which % stops.length]?.abort();
          }
          await settled();
          expect(outcomes).toEqual(rules.outcomes);
          expect(slots.map(({ running }) => running)).toEqual(rules.running);
          expect(slots.map(({ queued }) => queued)).toEqual(
            rules.queues.map(({ length }) => length),
          );
          for (const [index, { running, hasRoom, queued }] of slots.entries()) {
            const { concurrent = 0, queue = 0 } = given[index] ?? {};
            expect(running).toBeLessThanOrEqual(concurrent);
            expect(hasRoom).toBe(queued < queue);
          }
        }
        for (const stop of stops) stop.abort();
        await settled();
        expect(slots.map(({ queued }) => queued)).toEqual(slots.map(() => 0));
      }),
      { numRuns: 200 },
    );
  });
});
