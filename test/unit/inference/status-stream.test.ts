import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { configSchema } from "../../../src/config/schema.ts";
import { invalidRequest } from "../../../src/errors.ts";
import { sendStatuses, type Status, type Work } from "../../../src/inference/status-stream.ts";
import { Guard } from "../../../src/server/guard.ts";
import { createHttpServer, type Route } from "../../../src/server/http-server.ts";
import { call } from "../../server/call.ts";
import { keepLogs } from "../../support/data-directory.ts";
import { sendRaw } from "../../faults/raw-client.ts";
import { until } from "../../faults/waiting.ts";

const config = configSchema.parse({});
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

/** A server that does this work on two routes. @returns its port */
async function serve(work: Work): Promise<number> {
  const route = (path: string, stream: boolean): Route => ({
    methods: ["POST"],
    path,
    errors: "ollama",
    handler: (request, reply) => sendStatuses({ config, request, reply, stream }, work),
  });
  const server = await createHttpServer({
    routes: [route("/", true), route("/whole", false)],
    guard: new Guard({ checkHost: false, hostname: "", origins: [], apiKey: undefined }),
    log: keepLogs(),
    pathPrefix: "",
    maxBody: 1024,
    requestTimeout: 10_000,
  });
  ends.push(async () => {
    const closed = server.close();
    server.cut();
    await closed;
  });
  return server.listen("127.0.0.1", 0);
}

async function* twoSteps(): AsyncGenerator<Status> {
  yield { status: "one", total: 10, completed: 5 };
  await sleep(1);
  yield { status: "two" };
}

async function* failing(): AsyncGenerator<Status> {
  yield { status: "one" };
  throw invalidRequest("no more");
}

// oxlint-disable-next-line require-yield -- it fails before it has anything to tell
async function* refusing(): AsyncGenerator<Status> {
  throw invalidRequest("not at all");
}

test.each([
  ["two steps", twoSteps, 200, '{"status":"one","total":10,"completed":5}\n{"status":"two"}\n'],
  ["a failure on the way", failing, 200, '{"status":"one"}\n{"error":"no more"}\n'],
])("a stream tells of %s", async (_, work, status, body) => {
  const answer = await call({ port: await serve(work), path: "/", method: "POST" });
  expect(answer).toMatchObject({ status, body });
  expect(answer.headers["content-type"]).toBe("application/x-ndjson");
});

test("a stream is one of events for who asks for them", async () => {
  const headers = { accept: "text/event-stream" };
  const answer = await call({ port: await serve(failing), path: "/", method: "POST", headers });
  expect(answer.headers["content-type"]).toBe("text/event-stream");
  expect(answer.body).toBe('data: {"status":"one"}\n\ndata: {"error":"no more"}\n\n');
});

test.each([
  ["/", refusing, 400, '{"error":"not at all"}'],
  ["/whole", refusing, 400, '{"error":"not at all"}'],
  ["/whole", failing, 400, '{"error":"no more"}'],
  ["/whole", twoSteps, 200, '{"status":"two"}'],
])("%s: %o in one piece", async (path, work, status, body) => {
  const answer = await call({ port: await serve(work), path, method: "POST" });
  expect(answer).toMatchObject({ status, body });
  expect(answer.headers["content-type"]).toMatch(/^application\/json/u);
});

test("a client that leaves ends the work", async () => {
  let signal: AbortSignal | undefined;
  let ended = false;
  async function* endless(): AsyncGenerator<Status> {
    try {
      yield { status: "begun" };
      await new Promise((resolve) => signal?.addEventListener("abort", resolve));
      yield { status: "unheard" };
    } finally {
      ended = true;
    }
  }
  const port = await serve((given) => {
    signal = given;
    return endless();
  });
  const client = sendRaw({ port, path: "/", body: {} });
  await until("the first line", () => client.received().includes("begun"));
  client.socket.destroy();
  await until("the end", () => ended);
  expect(signal?.aborted).toBe(true);
});

test("a client that does not read holds up the work", async () => {
  const status = "x".repeat(256 * 1024);
  const lines = 128;
  let told = 0;
  async function* plenty(): AsyncGenerator<Status> {
    for (; told < lines; told += 1) {
      await sleep(0);
      yield { status };
    }
  }
  const client = sendRaw({ port: await serve(plenty), path: "/", body: {} });
  client.socket.pause();
  await until("something to say", () => told > 4);
  await sleep(300);
  expect(told).toBeLessThan(lines / 2);
  client.socket.resume();
  await until("the rest", () => told === lines, 10_000);
  await sleep(100);
  await until("the end", () => client.received().endsWith("0\r\n\r\n"), 10_000);
});
