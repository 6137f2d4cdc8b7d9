import { expect, test } from "vitest";
import { ProxyError } from "../../../src/errors.ts";
import { Metrics } from "../../../src/observe/metrics.ts";
import type { UpstreamReading } from "../../../src/observe/upstream-metrics.ts";

async function samples(metrics: Metrics): Promise<string[]> {
  return (await metrics.text()).split("\n").filter((line) => /^[^#]/.test(line));
}

test("count lessons by backend and setting, and ignored fields by name", async () => {
  const metrics = new Metrics();
  metrics.countLesson("a", "options");
  metrics.countLesson("a", "options");
  metrics.countLesson("b", "think");
  metrics.countIgnored("options.num_ctx");
  expect(await samples(metrics)).toEqual([
    'ollama_proxy_lessons_total{upstream="a",lesson="options"} 2',
    'ollama_proxy_lessons_total{upstream="b",lesson="think"} 1',
    'ollama_proxy_ignored_total{field="options.num_ctx"} 1',
  ]);
});

test("keep the number of labels bounded, whatever clients send", async () => {
  const metrics = new Metrics();
  for (let i = 0; i < 1_000; i += 1) metrics.countIgnored(`field_${i}`);
  metrics.countIgnored("field_0");
  const lines = await samples(metrics);
  expect(lines).toHaveLength(101);
  expect(lines).toContain('ollama_proxy_ignored_total{field="field_0"} 2');
  expect(lines).toContain('ollama_proxy_ignored_total{field="other"} 900');
});

test("keep a label short", async () => {
  const metrics = new Metrics();
  metrics.countIgnored("x".repeat(65));
  expect(await samples(metrics)).toEqual(['ollama_proxy_ignored_total{field="other"} 1']);
});

test("count what was shed, and reloads", async () => {
  const metrics = new Metrics();
  metrics.countShed("heap");
  metrics.countReload(true);
  metrics.countReload(false);
  metrics.countReload(false);
  expect(await samples(metrics)).toEqual([
    'ollama_proxy_shed_total{reason="heap"} 1',
    'ollama_proxy_config_reloads_total{result="ok"} 1',
    'ollama_proxy_config_reloads_total{result="failed"} 2',
  ]);
});

test("read what is under way and what was lost when they are asked for it", async () => {
  const metrics = new Metrics();
  let requests = 3;
  let dropped = 1;
  metrics.watchRequests(() => requests);
  metrics.watchLog(() => dropped);
  expect(await samples(metrics)).toEqual([
    "ollama_proxy_requests_in_flight 3",
    "ollama_proxy_log_dropped_total 1",
  ]);
  requests = 0;
  dropped = 4;
  expect(await samples(metrics)).toEqual([
    "ollama_proxy_requests_in_flight 0",
    "ollama_proxy_log_dropped_total 4",
  ]);
});

const idle: UpstreamReading = {
  id: "a",
  running: 0,
  queued: 0,
  state: "closed",
  models: 2,
  listAgeSeconds: 7,
  stale: false,
  restsSeconds: 0,
  alarms: [],
};

test("tell of each backend as it is, and no more of one that a reload took away", async () => {
  const metrics = new Metrics();
  let readings: UpstreamReading[] = [
    idle,
    {
      ...idle,
      id: "b",
      running: 5,
      queued: 6,
      state: "open",
      listAgeSeconds: undefined,
      stale: true,
      restsSeconds: 20,
    },
    { ...idle, id: "c", state: "half_open" },
  ];
  metrics.upstreams.watch(() => readings);
  const told = await samples(metrics);
  expect(told.filter((line) => line.includes('"a"'))).toEqual([
    'ollama_proxy_upstream_in_flight{upstream="a"} 0',
    'ollama_proxy_upstream_queued{upstream="a"} 0',
    'ollama_proxy_circuit_state{upstream="a"} 0',
    'ollama_proxy_upstream_models{upstream="a"} 2',
    'ollama_proxy_model_list_age_seconds{upstream="a"} 7',
    'ollama_proxy_model_list_stale{upstream="a"} 0',
    'ollama_proxy_upstream_rests_seconds{upstream="a"} 0',
  ]);
  expect(told.filter((line) => line.includes('"b"'))).toEqual([
    'ollama_proxy_upstream_in_flight{upstream="b"} 5',
    'ollama_proxy_upstream_queued{upstream="b"} 6',
    'ollama_proxy_circuit_state{upstream="b"} 2',
    'ollama_proxy_upstream_models{upstream="b"} 2',
    'ollama_proxy_model_list_stale{upstream="b"} 1',
    'ollama_proxy_upstream_rests_seconds{upstream="b"} 20',
  ]);
  expect(told).toContain('ollama_proxy_circuit_state{upstream="c"} 1');
  readings = [idle];
  expect((await samples(metrics)).join("\n")).not.toMatch(/upstream="[bc]"/);
});

test("raise an alarm for as long as something is wrong with a key", async () => {
  const metrics = new Metrics();
  const rejected = new ProxyError("upstream_unauthorized", "no such key");
  const unpaid = new ProxyError("upstream_overloaded", "quota", { status: 429 });
  let readings = [{ ...idle, alarms: [rejected, unpaid, rejected] }];
  metrics.upstreams.watch(() => readings);
  const alarms = async () => (await samples(metrics)).filter((line) => line.includes("alarm"));
  expect(await alarms()).toEqual([
    'ollama_proxy_alarm{upstream="a",reason="rejected"} 1',
    'ollama_proxy_alarm{upstream="a",reason="quota"} 1',
  ]);
  readings = [{ ...idle, alarms: [unpaid] }];
  expect(await alarms()).toEqual(['ollama_proxy_alarm{upstream="a",reason="quota"} 1']);
  readings = [];
  expect(await alarms()).toEqual([]);
});

test("are each their own: two proxies in one process don't count together", async () => {
  const metrics = new Metrics();
  metrics.countIgnored("a");
  metrics.watchProcess();
  const other = new Metrics();
  other.watchProcess();
  expect(await metrics.text()).toContain("process_resident_memory_bytes");
  expect(await other.text()).toContain("process_resident_memory_bytes");
  expect(await other.text()).not.toContain("ollama_proxy_ignored_total{");
});
