import type { FastifyReply, FastifyRequest } from "fastify";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { ProxyError, toProxyError, whileRunning } from "../../../src/errors.ts";
import type { AnswerReport } from "../../../src/inference/answer-report.ts";
import { AnswerReports } from "../../../src/inference/answer-reports.ts";
import { Metrics } from "../../../src/observe/metrics.ts";
import { RequestLog } from "../../../src/observe/request-log.ts";
import { keepLogs } from "../../support/data-directory.ts";

/** What the log and the metrics say of one answer. */
async function told(report: Partial<AnswerReport>, route = "/api/chat") {
  const log = keepLogs();
  const metrics = new Metrics();
  const requests = new RequestLog(log, "");
  const request = { method: "POST", routeOptions: { url: route } } as unknown as FastifyRequest;
  const reply = { raw: { writableFinished: true, statusCode: 200 } } as unknown as FastifyReply;
  new AnswerReports(requests, metrics).record({
    request,
    model: "m:latest",
    upstream: "a",
    attempts: 1,
    retries: [],
    marks: { start: 1_000, firstToken: 1_250, end: 2_250 },
    outcome: "ok",
    tokens: { input: 7, output: 11 },
    ...report,
  });
  requests.closed(request, reply, 12.4, undefined);
  await sleep(1);
  return { line: log.lines[0], text: await metrics.text() };
}

function sumOf(text: string, name: string): number {
  return Number(new RegExp(`^${name}_sum\\{.*\\} (.*)$`, "m").exec(text)?.[1]);
}

test("times are of the first token, and of each after it", async () => {
  const { line, text } = await told({});
  expect(sumOf(text, "gen_ai_client_operation_duration_seconds")).toBe(1.25);
  expect(sumOf(text, "gen_ai_server_time_to_first_token_seconds")).toBe(0.25);
  expect(sumOf(text, "gen_ai_server_time_per_output_token_seconds")).toBe(0.1);
  expect(line).toMatchObject({ level: "info", fields: { first_token_ms: 250, ms: 12 } });
});

test.for<[what: string, report: Partial<AnswerReport>]>([
  ["came in one piece", { marks: { start: 0, firstToken: 500, end: 500.4 } }],
  ["has one token", { tokens: { input: 7, output: 1 } }],
  ["has no count of them", { tokens: undefined }],
])("there is no time for a token where the answer %s", async ([_what, report]) => {
  const { text } = await told(report);
  expect(text).toContain("gen_ai_server_time_to_first_token_seconds_count{");
  expect(text).not.toContain("gen_ai_server_time_per_output_token_seconds_count{");
});

test("times of what failed or was left are none of a backend's", async () => {
  for (const outcome of ["failed", "client_closed"] as const) {
    const { text } = await told({ outcome });
    expect(text).not.toContain("gen_ai_server_time_to_first_token_seconds_count{");
    expect(text).toContain("gen_ai_client_operation_duration_seconds_count{");
  }
});

test("an answer for which no backend was asked is told without one", async () => {
  const error = new ProxyError("server_busy", "server busy");
  const { line, text } = await told({
    outcome: "refused",
    upstream: undefined,
    attempts: 0,
    error,
  });
  expect(line?.fields).toMatchObject({ attempts: 0, outcome: "refused", error: "server_busy" });
  expect(line?.fields).not.toHaveProperty("upstream");
  expect(text).toContain('upstream="none",error_type="server_busy"');
});

test("a fault of ours in a running stream says where it is", async () => {
  const error = toProxyError(new TypeError("no function"));
  const { line } = await told({ outcome: "failed", error });
  expect(line).toMatchObject({
    level: "warn",
    fields: { outcome: "failed", error: "internal", thrown: "TypeError" },
  });
  expect(String(line?.fields["at"])).toContain("answer-reports.test.ts");
});

test("the cause of a failure is the deepest there is", async () => {
  const cause = Object.assign(new Error("CANARY"), { code: "ECONNRESET" });
  const error = whileRunning(new ProxyError("upstream_truncated", "CANARY", { cause }));
  const { line } = await told({ outcome: "failed", error });
  expect(line?.fields).toMatchObject({ error: "upstream_truncated", cause: "ECONNRESET" });
  expect(JSON.stringify(line)).not.toContain("CANARY");
});

test.for<[route: string, operation: string]>([
  ["/api/chat", "chat"],
  ["/ollama/api/chat", "chat"],
  ["/api/generate", "text_completion"],
  ["/api/embed", "embeddings"],
  ["/api/embeddings", "embeddings"],
  ["/v1/chat/completions", "chat"],
  ["/v1/completions", "text_completion"],
  ["/v1/embeddings", "embeddings"],
  ["/v1/responses", "chat"],
  ["/v1/messages", "chat"],
])("%s is the operation %s", async ([route, operation]) => {
  const { text } = await told({}, route);
  expect(text).toContain(`gen_ai_operation_name="${operation}"`);
});

test("a route that gives no answers of models is no operation", async () => {
  const { text } = await told({ retries: [] }, "/api/show");
  expect(text).not.toContain("gen_ai_operation_name=");
});
