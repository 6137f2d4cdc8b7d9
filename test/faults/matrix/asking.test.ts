import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { readAnswer, type RawAnswer } from "../../golden/raw-exchange.ts";
import { call } from "../../server/call.ts";
import { until } from "../waiting.ts";
import { events, WELL } from "./backend-scripts.ts";
import { scripted } from "./backends.ts";
import { Client } from "./client.ts";
import { whole } from "./fault.ts";
import { fronts } from "./fronts.ts";
import { withStage } from "./play.ts";
import {
  addresses,
  bodies,
  framing,
  inChunks,
  MAX_BODY,
  oddNames,
  post,
  sized,
  taken,
  withLength,
  type Question,
} from "./requests.ts";
import type { Stage } from "./stage.ts";

const config = { max_body: MAX_BODY };

/** A client on a connection of its own that sends what it likes. */
function connected(port: number) {
  const socket = connect(port, "127.0.0.1");
  const pieces: Buffer[] = [];
  socket.on("data", (bytes) => pieces.push(bytes));
  socket.on("error", () => {});
  const bytes = () => Buffer.concat(pieces);
  return { socket, bytes, closed: () => socket.closed || socket.readableEnded };
}

/** Sends, and waits for the whole answer or the end of the connection. */
async function exchange({ proxy }: Stage, { sent, ends, stays }: Question) {
  const client = connected(proxy.port);
  for (const piece of Array.isArray(sent) ? sent : [sent]) client.socket.write(piece);
  if (ends) client.socket.end();
  const method = String(sent).slice(0, 5).trim() === "HEAD" ? "HEAD" : "POST";
  const answer = (): RawAnswer | undefined => readAnswer(client.bytes(), method, client.closed());
  await until("an answer", () => client.closed() || answer() !== undefined, 5_000);
  if (!stays) await until("the connection is closed", client.closed, 2_000);
  else expect(client.closed()).toBe(false);
  client.socket.destroy();
  return answer();
}

/** Asks on a new connection whether all is well. */
async function checkOthers({ proxy }: Stage): Promise<void> {
  const client = new Client(proxy.port);
  expect((await client.ask("/api/version")).status).toBe(200);
  client.close();
}

describe.each([
  ["bodies", bodies],
  ["framing", framing],
  ["routes and methods", addresses],
])("5D: %s", (_, questions) => {
  test.each(Object.entries(questions))("%s", async (__, question) => {
    await withStage({ a: scripted(events(WELL)), config }, async (stage) => {
      const answer = await exchange(stage, question);
      const { status, body = "" } = question;
      expect(answer?.status).toBe(status);
      if (typeof body === "string") expect(answer?.body ?? "").toBe(body);
      else expect(answer?.body).toMatch(body);
      expect(stage.a.requests).toEqual([]);
      await checkOthers(stage);
    });
  });
});

test("F-92 a body of the limit is taken, F-93 256 levels are, and brackets in texts do not count", async () => {
  await withStage({ a: scripted(events(WELL)), config }, async (stage) => {
    const deep = `"x":${"[".repeat(255)}${"]".repeat(255)},"y":"${"[".repeat(300)}","z":"\\"[["`;
    for (const body of [sized(MAX_BODY), sized(100).replace("{", `{${deep},`)]) {
      for (const sent of [withLength("/api/chat", body), inChunks("/api/chat", body)]) {
        const answer = await exchange(stage, { sent, status: 200, stays: true });
        expect(answer).toMatchObject({ status: 200 });
      }
    }
    expect(stage.a.requests).toHaveLength(4);
  });
});

test.each(Object.entries(taken))("F-94 %s is taken, as real Ollama does", async (_, body) => {
  await withStage({ a: scripted(events(WELL)), config }, async (stage) => {
    const headers = "content-type: application/x-www-form-urlencoded";
    const sent = withLength("/api/chat", body, headers);
    const answer = await exchange(stage, { sent, status: 200, stays: true });
    expect(JSON.parse(answer?.body ?? "")).toMatchObject({ message: { content: "well" } });
    expect(stage.a.requests).toHaveLength(1);
  });
});

const impatient = { timeouts: { request_body: 0.6 } };

test("F-89 800 clients that never end their headers are cut off, and others are served", async () => {
  await withStage({ a: scripted(events(WELL)), config: impatient }, async (stage) => {
    const slow = Array.from({ length: 800 }, () => connected(stage.proxy.port));
    for (const { socket } of slow) socket.write("POST /api/chat HTTP/1.1\r\nhost: localhost\r\n");
    const dripping = setInterval(() => slow.forEach(({ socket }) => socket.write("x")), 300);
    await checkOthers(stage);
    // The limit of 0.6 s, and 2 s until Node looks again.
    await until("all are closed", () => slow.every(({ closed }) => closed()), 15_000);
    clearInterval(dripping);
    for (const { bytes, socket } of slow) {
      expect(bytes().toString()).toMatch(/^HTTP\/1\.1 408 [^]*\{"error":"request timeout"\}$/u);
      socket.destroy();
    }
    await checkOthers(stage);
    expect(stage.a.requests).toEqual([]);
  });
}, 30_000);

test.each([
  ["in drops", 100],
  ["not at all", undefined],
])("F-90 a body that comes %s", async (_, pause) => {
  await withStage({ a: scripted(events(WELL)), config: impatient }, async (stage) => {
    const { socket, bytes, closed } = connected(stage.proxy.port);
    socket.write(post("/api/chat", "content-length: 1000"));
    const dripping = pause === undefined ? undefined : setInterval(() => socket.write(" "), pause);
    await until("it is cut off", closed, 6_000);
    clearInterval(dripping);
    expect(bytes().toString()).toMatch(/^HTTP\/1\.1 408 [^]*\{"error":"request timeout"\}$/u);
    socket.destroy();
    expect(stage.a.requests).toEqual([]);
    await checkOthers(stage);
  });
});

test.each(Object.entries(oddNames))("F-101 a model of an odd name: %s", async (_, model) => {
  await withStage({ a: scripted(events(WELL)) }, async ({ client, proxy, adminPort, a }) => {
    for (const path of ["/api/chat", "/api/generate", "/api/show", "/api/embed"]) {
      const answer = await client.ask(path, { model, prompt: "hi", input: "hi", messages: [] });
      expect([answer.status, answer.body]).toEqual([400, '{"error":"invalid model name"}']);
    }
    const answer = await client.ask(fronts.openai.path, { ...fronts.openai.body, model });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(a.requests).toEqual([]);
    const name = JSON.stringify(model).slice(1, -1);
    const { body: metrics } = await call({ port: adminPort, path: "/metrics" });
    expect(metrics).not.toContain(`"${name}"`);
    await sleep(5);
    expect(JSON.stringify(proxy.logs)).not.toMatch(/[\u202E\0]/u);
    expect(JSON.stringify(proxy.logs)).not.toContain("x".repeat(200));
  });
});

test.each([5, true, {}, []])("F-101 a model named %j", async (model) => {
  await withStage({ a: scripted(events(WELL)) }, async ({ client, a }) => {
    for (const path of ["/api/chat", "/api/generate", "/api/show", "/v1/chat/completions"]) {
      const answer = await client.ask(path, { model });
      expect([answer.status, answer.body]).toEqual([400, expect.stringContaining("model")]);
    }
    expect(a.requests).toEqual([]);
    const { path, body, check } = fronts.chat;
    check(await client.ask(path, body), whole("well"));
  });
});
