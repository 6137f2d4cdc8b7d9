import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { ProxyError } from "../../../src/errors.ts";
import { UpstreamLog } from "../../../src/observe/upstream-log.ts";
import { UpstreamMetrics } from "../../../src/observe/upstream-metrics.ts";
import type { UpstreamEvents } from "../../../src/upstream/upstream-events.ts";
import { keepLogs } from "../../support/data-directory.ts";

function start() {
  const registry = new Registry();
  const clock = { now: 0 };
  const log = keepLogs();
  const metrics = new UpstreamMetrics(registry);
  const events: UpstreamEvents = new UpstreamLog(log, metrics, () => clock.now);
  const samples = async () => {
    metrics.refresh();
    return (await registry.metrics()).split("\n").filter((line) => /^[^#]/.test(line));
  };
  return { events, clock, lines: log.lines, samples };
}

const rejected = new ProxyError("upstream_unauthorized", "the key sk-CANARY is no good");
const limited = new ProxyError("upstream_overloaded", "slow down", { status: 429 });
const loading = new ProxyError("upstream_overloaded", "loading", { status: 503 });

test("tells when a backend is left alone, and when it is used again", async () => {
  const { events, lines, samples } = start();
  events.circuit("a", "open");
  events.circuit("a", "half_open");
  events.circuit("a", "closed");
  expect(lines.map(({ level, fields }) => [level, fields])).toEqual([
    ["warn", { upstream: "a", circuit: "open" }],
    ["debug", { upstream: "a", circuit: "half_open" }],
    ["info", { upstream: "a", circuit: "closed" }],
  ]);
  expect(await samples()).toEqual([
    'ollama_proxy_circuit_transitions_total{upstream="a",state="open"} 1',
    'ollama_proxy_circuit_transitions_total{upstream="a",state="half_open"} 1',
    'ollama_proxy_circuit_transitions_total{upstream="a",state="closed"} 1',
  ]);
});

test("a key that rests for a limit of the rate is no alarm", async () => {
  const { events, lines, samples } = start();
  events.rested("a", 2, 5, limited, false);
  expect(lines).toEqual([
    {
      level: "info",
      fields: { upstream: "a", key: 2, seconds: 5, reason: "rate_limit" },
      message: "a key rests",
    },
  ]);
  expect(await samples()).toEqual([
    'ollama_proxy_key_rests_total{upstream="a",reason="rate_limit"} 1',
  ]);
});

test("a backend that rests as a whole is told of as such", async () => {
  const { events, lines, samples } = start();
  events.rested("a", 0, 20, loading, false);
  expect(lines).toEqual([
    {
      level: "info",
      fields: { upstream: "a", key: 0, seconds: 20, reason: "overloaded" },
      message: "the backend rests",
    },
  ]);
  expect(await samples()).toEqual([
    'ollama_proxy_key_rests_total{upstream="a",reason="overloaded"} 1',
  ]);
});

test("a rejected key is an error once", () => {
  const { events, clock, lines } = start();
  events.rested("a", 1, 60, rejected, true);
  clock.now = 61_000;
  events.rested("a", 1, 60, rejected, true);
  events.rested("a", 2, 60, rejected, true);
  expect(lines.map(({ level, fields }) => [level, fields["key"], fields["reason"]])).toEqual([
    ["error", 1, "rejected"],
    ["info", 1, "rejected"],
    ["error", 2, "rejected"],
  ]);
  clock.now = 1_000_000;
  events.rested("a", 1, 60, rejected, true);
  expect(lines.at(-1)?.level).toBe("error");
  expect(JSON.stringify(lines)).not.toContain("CANARY");
});

test("a quota that is used up has a reason of its own", async () => {
  const { events, samples } = start();
  events.rested("a", 1, 60, limited, true);
  expect(await samples()).toEqual(['ollama_proxy_key_rests_total{upstream="a",reason="quota"} 1']);
});
