import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { AnswerMetrics, type AnswerFigures } from "../../../src/observe/answer-metrics.ts";
import { Metrics } from "../../../src/observe/metrics.ts";

const good: AnswerFigures = {
  operation: "chat",
  model: "m:latest",
  upstream: "a",
  error: undefined,
  seconds: 3,
  firstTokenSeconds: 0.3,
  secondsPerToken: 0.02,
  inputTokens: 10,
  outputTokens: 2000,
};

function counting(): { answers: AnswerMetrics; samples: () => Promise<string[]> } {
  const registry = new Registry();
  const samples = async () =>
    (await registry.metrics()).split("\n").filter((line) => /^[^#]/.test(line));
  return { answers: new AnswerMetrics(registry), samples };
}

/** The values of one label in some lines. */
function valuesOf(label: string, lines: readonly string[]): Set<string | undefined> {
  return new Set(lines.map((line) => new RegExp(`${label}="([^"]*)"`).exec(line)?.[1]));
}

test("count an answer under the names of the conventions", async () => {
  const { answers, samples } = counting();
  answers.count(good);
  const labels = 'gen_ai_operation_name="chat",gen_ai_request_model="m:latest",upstream="a"';
  const lines = await samples();
  for (const line of [
    `gen_ai_client_operation_duration_seconds_bucket{le="2.56",${labels}} 0`,
    `gen_ai_client_operation_duration_seconds_bucket{le="10.24",${labels}} 1`,
    `gen_ai_client_operation_duration_seconds_sum{${labels}} 3`,
    `gen_ai_server_time_to_first_token_seconds_sum{${labels}} 0.3`,
    `gen_ai_server_time_per_output_token_seconds_sum{${labels}} 0.02`,
    `gen_ai_client_token_usage_sum{${labels},gen_ai_token_type="input"} 10`,
    `gen_ai_client_token_usage_sum{${labels},gen_ai_token_type="output"} 2000`,
    `gen_ai_client_token_usage_count{${labels},gen_ai_token_type="output"} 1`,
  ]) {
    expect(lines).toContain(line);
  }
});

test("count of a failure how long it took, and what it was", async () => {
  const { answers, samples } = counting();
  answers.count(good);
  answers.count({
    operation: "chat",
    model: "m:latest",
    upstream: "a",
    error: "upstream_timeout",
    seconds: 60,
  });
  const lines = await samples();
  expect(lines.filter((line) => line.includes("_count"))).toHaveLength(6);
  expect(lines).toContain(
    'gen_ai_client_operation_duration_seconds_count{gen_ai_operation_name="chat",gen_ai_request_model="m:latest",upstream="a",error_type="upstream_timeout"} 1',
  );
});

test("a model that never answered has no label: its name may be a client's invention", async () => {
  const { answers, samples } = counting();
  for (let i = 0; i < 100; i += 1) {
    answers.count({ ...good, model: `invented ${i}`, error: "model_not_found" });
  }
  expect(valuesOf("gen_ai_request_model", await samples())).toEqual(new Set(["other"]));
  answers.count(good);
  answers.count({ ...good, error: "upstream_failed" });
  expect(await samples()).toContain(
    'gen_ai_client_operation_duration_seconds_count{gen_ai_operation_name="chat",gen_ai_request_model="m:latest",upstream="a",error_type="upstream_failed"} 1',
  );
});

test("no label has more than 50 values and `other`, and no answer is lost", async () => {
  const { answers, samples } = counting();
  for (let i = 0; i < 2_500; i += 1) {
    const answer = { ...good, model: `m${i % 50}`, upstream: `u${Math.floor(i / 50)}` };
    answers.count(answer);
    answers.count({ ...answer, error: "upstream_failed" });
    answers.countRetry(`retried${i}`, "upstream_unreachable", i % 2 === 0);
  }
  const lines = await samples();
  for (const label of ["gen_ai_request_model", "upstream"]) {
    const values = valuesOf(
      label,
      lines.filter((line) => line.startsWith("gen_ai")),
    );
    expect(values).toContain("other");
    expect(values.size).toBeLessThanOrEqual(51);
  }
  const retries = lines.filter((line) => line.startsWith("ollama_proxy_retries_total"));
  expect(retries).toHaveLength(51);
  const counts = lines.filter((line) =>
    line.startsWith("gen_ai_client_operation_duration_seconds_count"),
  );
  const total = counts.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  expect(total).toBe(5_000);
});

test("count retries by the backend that failed, those apart that may have been paid for", async () => {
  const { answers, samples } = counting();
  answers.countRetry("a", "upstream_unreachable", false);
  answers.countRetry("a", "upstream_truncated", true);
  expect(await samples()).toEqual([
    'ollama_proxy_retries_total{upstream="a",reason="upstream_unreachable"} 1',
    'ollama_proxy_retries_total{upstream="a",reason="upstream_truncated"} 1',
    'ollama_proxy_ambiguous_retries_total{upstream="a"} 1',
  ]);
});

test("50 idle backends are told in less than 64 KiB, and the busiest proxy in less than 512", async () => {
  const metrics = new Metrics();
  metrics.watchProcess();
  metrics.upstreams.watch(() =>
    Array.from({ length: 50 }, (_, i) => ({
      id: `backend-${i}`,
      running: 0,
      queued: 0,
      state: "closed",
      models: 50,
      listAgeSeconds: 12,
      stale: false,
      restsSeconds: 0,
      alarms: [],
    })),
  );
  for (let i = 0; i < 4; i += 1) metrics.answers.count({ ...good, model: `model-${i}:latest` });
  expect((await metrics.text()).length).toBeLessThan(64 * 1024);
  for (let i = 0; i < 2_500; i += 1) {
    const model = `model-${i % 50}:latest`;
    const upstream = `backend-${Math.floor(i / 50)}`;
    metrics.answers.count({ ...good, model, upstream });
    metrics.answers.count({ ...good, model, upstream, error: "upstream_failed" });
  }
  expect((await metrics.text()).length).toBeLessThan(512 * 1024);
});
