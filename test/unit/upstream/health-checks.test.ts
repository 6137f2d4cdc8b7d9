import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ProxyError } from "../../../src/errors.ts";
import { Circuit } from "../../../src/upstream/circuit.ts";
import { HealthChecks, type HealthChecked } from "../../../src/upstream/health-checks.ts";

const settings = { interval: 10_000, timeout: 5_000, fall: 3 };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** A backend that is well or not. */
class Backend implements HealthChecked {
  readonly id: string;
  readonly circuit = new Circuit({ failures: 5, open: 3_600_000, max_open: 3_600_000 });
  readonly timeouts: number[] = [];
  answer: () => Promise<void> = well;

  constructor(id: string) {
    this.id = id;
  }

  get looks(): number {
    return this.timeouts.length;
  }

  look(timeout: number): Promise<void> {
    this.timeouts.push(timeout);
    return this.answer();
  }
}

async function well(): Promise<void> {}

async function ill(): Promise<void> {
  throw new ProxyError("upstream_unreachable", "it is unreachable");
}

function start(backends: readonly Backend[], changed: Partial<typeof settings> = {}) {
  const lines: string[] = [];
  const write = (level: string) => (fields: object, message: string) => {
    lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  };
  const log = {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
  };
  const checks = new HealthChecks(backends, { ...settings, ...changed }, log);
  checks.start();
  return { checks, lines };
}

/** Long enough for so many looks at each backend, at least. */
const looks = (count: number) => vi.advanceTimersByTimeAsync(count * 12_000);

async function nextLook(backend: Backend): Promise<void> {
  for (const before = backend.looks; backend.looks === before;) {
    await vi.advanceTimersByTimeAsync(100);
  }
}

describe("looking", () => {
  test("happens every interval, a fifth more or less, with the timeout", async () => {
    const [one, other] = [new Backend("one"), new Backend("other")];
    const { checks } = start([one, other]);
    await vi.advanceTimersByTimeAsync(7_999);
    expect([one.looks, other.looks]).toEqual([0, 0]);
    await vi.advanceTimersByTimeAsync(4_001);
    expect([one.looks, other.looks]).toEqual([1, 1]);
    await vi.advanceTimersByTimeAsync(1_000_000);
    expect(one.looks).toBeGreaterThanOrEqual(84);
    expect(one.looks).toBeLessThanOrEqual(127);
    expect(new Set(one.timeouts)).toEqual(new Set([5_000]));
    checks.stop();
  });

  test("is one at a time, and ends with stop", async () => {
    const [slow, other] = [new Backend("slow"), new Backend("other")];
    let answer = () => {};
    slow.answer = () => new Promise((_, reject) => (answer = () => reject(new Error("late"))));
    const { checks } = start([slow, other], { fall: 1 });
    await looks(5);
    expect(slow.looks).toBe(1);
    expect(other.looks).toBeGreaterThanOrEqual(5);
    checks.stop();
    answer();
    await looks(5);
    expect(slow.looks).toBe(1);
    expect(slow.circuit.state).toBe("closed");
    expect(vi.getTimerCount()).toBe(0);
  });

  test("does not happen with interval 0", () => {
    start([new Backend("one"), new Backend("other")], { interval: 0 });
    expect(vi.getTimerCount()).toBe(0);
  });

  test("happens to a single backend only while its circuit is not closed", async () => {
    const single = new Backend("single");
    const { checks } = start([single]);
    await looks(5);
    expect(single.looks).toBe(0);
    single.circuit.trip();
    single.answer = ill;
    await nextLook(single);
    single.answer = well;
    await nextLook(single);
    expect(single.circuit.state).toBe("half_open");
    single.circuit.admit()?.succeed();
    await looks(5);
    expect(single.looks).toBe(2);
    checks.stop();
  });

  test("that was never in vain does not have failing answers tried again sooner", async () => {
    const [listing, other] = [new Backend("listing"), new Backend("other")];
    const { checks } = start([listing, other]);
    listing.circuit.trip();
    await nextLook(listing);
    expect(listing.circuit.state).toBe("open");
    checks.stop();
  });
});

describe("what is seen", () => {
  test("trips the circuit after so many bad looks in a row, told once", async () => {
    const [bad, other] = [new Backend("bad"), new Backend("other")];
    bad.answer = ill;
    const { checks, lines } = start([bad, other]);
    const states: string[] = [];
    while (bad.looks < 6) {
      await nextLook(bad);
      states.push(bad.circuit.state);
    }
    expect(states).toEqual(["closed", "closed", "open", "open", "open", "open"]);
    expect(other.circuit.state).toBe("closed");
    expect(lines).toEqual([
      'warn upstream fails its health checks {"upstream":"bad","problem":"it is unreachable"}',
    ]);
    checks.stop();
  });

  test("forgets bad looks with one good", async () => {
    const [flapping, other] = [new Backend("flapping"), new Backend("other")];
    flapping.answer = () => (flapping.looks % 3 === 0 ? well() : ill());
    const { checks } = start([flapping, other]);
    await looks(20);
    expect(flapping.looks).toBeGreaterThanOrEqual(20);
    expect(flapping.circuit.state).toBe("closed");
    checks.stop();
  });

  test("forgets bad looks at a single backend that answers requests again", async () => {
    const single = new Backend("single");
    single.answer = ill;
    const { checks, lines } = start([single], { fall: 2 });
    for (let count = 0; count < 2; count += 1) {
      single.circuit.trip();
      await nextLook(single);
      single.circuit.allowProbe();
      single.circuit.admit()?.succeed();
      await looks(2);
    }
    expect(single.looks).toBe(2);
    expect(lines).toEqual([]);
    checks.stop();
  });

  test("lets a real request try a backend that is well again", async () => {
    const [back, other] = [new Backend("back"), new Backend("other")];
    back.answer = ill;
    const { checks, lines } = start([back, other], { fall: 1 });
    await nextLook(back);
    expect(back.circuit.state).toBe("open");
    back.answer = well;
    await nextLook(back);
    expect(back.circuit.state).toBe("half_open");
    expect(lines[1]).toBe('info upstream answers health checks again {"upstream":"back"}');
    checks.stop();
  });
});
