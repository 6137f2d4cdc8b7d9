import { expect, test } from "vitest";
import { Metrics } from "../../../src/observe/metrics.ts";

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
