import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CircuitState } from "../../../src/observe/upstream-metrics.ts";
import { Circuit, type Admission } from "../../../src/upstream/circuit.ts";

const settings = { failures: 3, open: 5_000, max_open: 12_000 };

/** One on a clock that is moved by hand, with no jitter unless it's asked for. */
function start(random = 0.5) {
  const clock = { time: 0 };
  const changes: CircuitState[] = [];
  const circuit = new Circuit(settings, {
    now: () => clock.time,
    random: () => random,
    onChange: (state) => changes.push(state),
  });
  return { circuit, clock, changes };
}

function admitted(circuit: Circuit, lastResort = false): Admission {
  const admission = circuit.admit(lastResort);
  if (admission === undefined) throw new Error("not admitted");
  return admission;
}

function fail(circuit: Circuit, times: number): void {
  for (let count = 0; count < times; count += 1) admitted(circuit).fail();
}

describe("closed", () => {
  test("opens after so many failures in a row", () => {
    const { circuit, changes } = start();
    fail(circuit, 2);
    expect(circuit.state).toBe("closed");
    fail(circuit, 1);
    expect(circuit.state).toBe("open");
    expect(circuit.admits).toBe(false);
    expect(circuit.admit()).toBeUndefined();
    expect(changes).toEqual(["open"]);
  });

  test("counts from the start after a success, not after a first word or a release", () => {
    const { circuit } = start();
    fail(circuit, 2);
    admitted(circuit).succeed();
    fail(circuit, 2);
    expect(circuit.state).toBe("closed");
    admitted(circuit).release();
    const cut = admitted(circuit);
    cut.answered();
    cut.fail();
    expect(circuit.state).toBe("open");
  });

  test("opens when active checks fail", () => {
    const { circuit, changes } = start();
    circuit.trip();
    circuit.trip();
    expect(circuit.state).toBe("open");
    expect(circuit.remaining).toBe(5_000);
    expect(changes).toEqual(["open"]);
  });
});

describe("open", () => {
  test.for([
    [0, 4_000],
    [0.5, 5_000],
    [1, 6_000],
  ] as const)("lasts a fifth more or less: random %d, %d ms", ([random, time]) => {
    const { circuit, clock } = start(random);
    circuit.trip();
    expect(circuit.remaining).toBe(time);
    clock.time = time - 1;
    expect(circuit.state).toBe("open");
    clock.time = time;
    expect(circuit.state).toBe("half_open");
    expect(circuit.remaining).toBe(0);
  });

  test("lasts twice as long after each failed probe, up to the limit, and starts anew", () => {
    const { circuit, clock } = start(1);
    fail(circuit, 3);
    const times = [circuit.remaining];
    for (let count = 0; count < 3; count += 1) {
      clock.time += circuit.remaining;
      admitted(circuit).fail();
      times.push(circuit.remaining);
    }
    expect(times).toEqual([6_000, 12_000, 12_000, 12_000]);
    clock.time += circuit.remaining;
    admitted(circuit).succeed();
    fail(circuit, 3);
    expect(circuit.remaining).toBe(6_000);
  });

  test("lets a request through as a last resort, once a second", () => {
    const { circuit, clock } = start();
    circuit.trip();
    admitted(circuit, true).fail();
    expect(circuit.remaining).toBe(5_000);
    clock.time = 999;
    expect(circuit.admit(true)).toBeUndefined();
    clock.time = 1_000;
    const last = admitted(circuit, true);
    expect(circuit.admit(true)).toBeUndefined();
    last.answered();
    expect(circuit.state).toBe("closed");
  });

  test("is half-open at once when an active check succeeded", () => {
    const { circuit } = start();
    circuit.trip();
    circuit.allowProbe();
    expect(circuit.state).toBe("half_open");
    admitted(circuit).fail();
    expect(circuit.remaining).toBe(10_000);
  });
});

describe("half-open", () => {
  function halfOpen() {
    const started = start();
    started.circuit.trip();
    started.circuit.allowProbe();
    return started;
  }

  test("admits one probe, which closes it with its first word", () => {
    const { circuit, changes } = halfOpen();
    const probe = admitted(circuit);
    expect(circuit.admits).toBe(false);
    expect(circuit.admit()).toBeUndefined();
    expect(circuit.remaining).toBe(1_000);
    probe.answered();
    expect(circuit.admits).toBe(true);
    expect(changes).toEqual(["open", "half_open", "closed"]);
  });

  test("takes another probe when the first is given back", () => {
    const { circuit, changes } = halfOpen();
    admitted(circuit).release();
    expect(circuit.state).toBe("half_open");
    admitted(circuit).succeed();
    expect(changes).toEqual(["open", "half_open", "closed"]);
  });

  test("lets others through as a last resort while the probe is slow; it alone decides", () => {
    const { circuit, clock } = halfOpen();
    const probe = admitted(circuit);
    clock.time += 1_000;
    admitted(circuit, true).fail();
    expect(circuit.state).toBe("half_open");
    probe.fail();
    expect(circuit.state).toBe("open");
  });

  test("opens again at once when a backend begins its answers and cuts them", () => {
    const { circuit, clock } = start();
    fail(circuit, 3);
    clock.time += circuit.remaining;
    const probe = admitted(circuit);
    probe.answered();
    expect(circuit.state).toBe("closed");
    probe.fail();
    expect(circuit.state).toBe("open");
  });
});

describe("an admission", () => {
  test("ends once", () => {
    const { circuit } = start();
    const first = admitted(circuit);
    for (let count = 0; count < 3; count += 1) first.fail();
    expect(circuit.state).toBe("closed");
    fail(circuit, 1);
    first.succeed();
    fail(circuit, 1);
    expect(circuit.state).toBe("open");
  });

  test.for(["answered", "succeed", "fail", "release"] as const)(
    "of the time before it opened says nothing any more: %s",
    (result) => {
      const { circuit, clock } = start();
      const late = [admitted(circuit), admitted(circuit), admitted(circuit), admitted(circuit)];
      circuit.trip();
      late.shift()?.[result]();
      expect(circuit.state).toBe("open");
      clock.time += circuit.remaining;
      const probe = admitted(circuit);
      late.shift()?.[result]();
      expect(circuit.admits).toBe(false);
      probe.succeed();
      fail(circuit, 2);
      late.shift()?.[result]();
      expect(circuit.state).toBe("closed");
      fail(circuit, 1);
      expect(circuit.state).toBe("open");
    },
  );
});

describe("whatever happens", () => {
  type Step =
    | { readonly do: "admit"; readonly lastResort: boolean }
    | { readonly do: "answered" | "succeed" | "fail" | "release"; readonly which: number }
    | { readonly do: "wait"; readonly time: number }
    | { readonly do: "trip" | "allowProbe" };

  const steps: fc.Arbitrary<Step[]> = fc.array(
    fc.oneof(
      fc.record({ do: fc.constant("admit"), lastResort: fc.boolean() }),
      fc.record({
        do: fc.constantFrom("answered", "succeed", "fail", "fail", "fail", "release"),
        which: fc.nat(),
      }),
      fc.record({ do: fc.constant("wait"), time: fc.integer({ min: 1, max: 4_000 }) }),
      fc.record({ do: fc.constantFrom("trip", "allowProbe") }),
    ),
    { maxLength: 60 },
  );

  const allowed = [
    "closed > open",
    "open > half_open",
    "open > closed",
    "half_open > open",
    "half_open > closed",
  ];

  test("one probe is out at most, and last resorts keep their distance", () => {
    fc.assert(
      fc.property(steps, (given) => {
        const { circuit, clock, changes } = start();
        const underWay: Admission[] = [];
        let probe: Admission | undefined;
        let lastTry = Number.NEGATIVE_INFINITY;
        let seen = 0;

        for (const step of given) {
          if (step.do === "wait") clock.time += step.time;
          else if (step.do === "trip") circuit.trip();
          else if (step.do === "allowProbe") circuit.allowProbe();
          else if (step.do === "admit") {
            const { state, admits } = circuit;
            expect(admits).toBe(state === "closed" || (state === "half_open" && !probe));
            expect(circuit.remaining === 0).toBe(admits);
            const admission = circuit.admit(step.lastResort);
            const isTimely = clock.time - lastTry >= 1_000;
            expect(admission !== undefined).toBe(admits || (step.lastResort && isTimely));
            if (admission === undefined) continue;
            underWay.push(admission);
            if (state !== "closed") lastTry = clock.time;
            if (state === "half_open") probe ??= admission;
          } else if ("which" in step && underWay.length > 0) {
            const admission = underWay[step.which % underWay.length];
            admission?.[step.do]();
            if (step.do !== "answered") {
              underWay.splice(step.which % underWay.length, 1);
              if (admission === probe) probe = undefined;
            }
          }
          // A circuit that closed or opened knows of no probe.
          if (changes.slice(seen).some((state) => state !== "half_open")) probe = undefined;
          seen = changes.length;
        }

        const ways = changes.map((state, index) => `${changes[index - 1] ?? "closed"} > ${state}`);
        expect(ways.filter((way) => !allowed.includes(way))).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
