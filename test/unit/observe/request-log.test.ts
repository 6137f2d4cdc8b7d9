import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { ProxyError } from "../../../src/errors.ts";
import { RequestLog } from "../../../src/observe/request-log.ts";
import { Guard } from "../../../src/server/guard.ts";
import { createHttpServer, type Handler, type Route } from "../../../src/server/http-server.ts";
import { call } from "../../server/call.ts";
import { keepLogs, type Logged } from "../../support/data-directory.ts";

const answer: Handler = (_, reply) => reply.send("well");

/** A server with one route more, whose requests are logged. */
async function start(handler: Handler = answer, path = "/api/thing/:id", pathPrefix = "") {
  const log = keepLogs();
  const requests = new RequestLog(log, pathPrefix);
  const routes: Route[] = [path, "/", "/healthz", "/api/version"].map((each) => ({
    methods: ["GET", "HEAD", "POST"],
    path: each,
    handler: each === path ? handler : answer,
    errors: "ollama",
  }));
  const server = await createHttpServer({
    routes,
    guard: new Guard({ checkHost: true, hostname: "", origins: [], apiKey: undefined }),
    log,
    pathPrefix,
    maxBody: 1024,
    requestTimeout: 10_000,
    onOpened: () => requests.opened(),
    onClosed: (...closed) => requests.closed(...closed),
  });
  const port = await server.listen("127.0.0.1", 0);
  onTestFinished(async () => {
    const closed = server.close();
    server.cut();
    await closed;
  });
  return { port, log, requests };
}

async function lines(log: { lines: readonly Logged[] }, count: number): Promise<Logged[]> {
  for (let tries = 0; tries < 500 && log.lines.length < count; tries += 1) await sleep(10);
  // No line may follow.
  await sleep(20);
  expect(log.lines).toHaveLength(count);
  return [...log.lines];
}

test("a request has one line, which names its route and repeats no path or query", async () => {
  const { port, log, requests } = await start();
  await call({ port, path: "/api/thing/sk-CANARY?key=sk-CANARY", body: "sk-CANARY" });
  const [line] = await lines(log, 1);
  expect(line).toEqual({
    level: "info",
    fields: { route: "/api/thing/:id", method: "POST", status: 200, ms: expect.any(Number) },
    message: "answered",
  });
  expect(requests.underWay).toBe(0);
});

test("what is noted of it is in the same line, and names in it are short", async () => {
  const { port, log, requests } = await start((request, reply) => {
    const fields = { model: "m".repeat(10_000), attempts: 2, upstream: undefined };
    requests.note(request, { fields, failed: true });
    return reply.send("well");
  });
  await call({ port, path: "/api/thing/1" });
  const [line] = await lines(log, 1);
  expect(line).toEqual({
    level: "warn",
    fields: {
      route: "/api/thing/:id",
      method: "GET",
      status: 200,
      ms: expect.any(Number),
      model: "m".repeat(128),
      attempts: 2,
    },
    message: "did not answer",
  });
});

test.for<[path: string, method: string]>([
  ["/", "GET"],
  ["/healthz", "GET"],
  ["/api/version", "GET"],
  ["/api/thing/1", "HEAD"],
  ["/api/thing/1", "OPTIONS"],
])(
  "what clients and balancers ask all the time is told at debug only: %s %s",
  async ([path, method]) => {
    const { port, log } = await start();
    await call({ port, path, method });
    expect((await lines(log, 1)).map(({ level }) => level)).toEqual(["debug"]);
  },
);

test.for<[what: string, handler: Handler, line: object]>([
  [
    "a refusal of ours",
    () => {
      throw new ProxyError("model_not_found", "model 'sk-CANARY' not found");
    },
    { level: "info", message: "refused", fields: { status: 404, error: "model_not_found" } },
  ],
  [
    "a failure",
    () => {
      const cause = new Error("sk-CANARY", {
        cause: Object.assign(new Error(), { code: "EPIPE" }),
      });
      throw new ProxyError("store_failed", "could not save", { cause });
    },
    {
      level: "warn",
      message: "did not answer",
      fields: { status: 500, error: "store_failed", cause: "EPIPE" },
    },
  ],
])("%s is told by its code, in none of its words", async ([_what, handler, expected]) => {
  const { port, log } = await start(handler);
  await call({ port, path: "/api/thing/1" });
  const [line] = await lines(log, 1);
  expect(line).toMatchObject(expected);
  expect(JSON.stringify(line)).not.toContain("CANARY");
});

test("requests that have no route of ours have a line, and the path is not in it", async () => {
  const { port, log } = await start();
  await call({ port, path: "/sk-CANARY" });
  await call({ port, path: "/api/thing/1", headers: { host: "evil.example" } });
  await call({ port, path: "/api/version", method: "DELETE" });
  const [unknown, foreign, wrongMethod] = await lines(log, 3);
  expect(unknown).toMatchObject({ level: "info", fields: { route: "none", status: 404 } });
  expect(foreign).toMatchObject({ level: "info", fields: { status: 403 } });
  expect(wrongMethod?.fields).toMatchObject({ method: "DELETE", status: 405 });
  expect(JSON.stringify(log.lines)).not.toContain("CANARY");
});

test("the prefix of all paths is no part of the route", async () => {
  const { port, log } = await start(answer, "/api/thing", "/ollama");
  await call({ port, path: "/ollama/api/thing" });
  await call({ port, path: "/ollama/" });
  const routes = (await lines(log, 2)).map(({ fields }) => fields["route"]);
  expect(routes).toEqual(["/api/thing", "/"]);
});

test("a client that leaves is a 499, also in a response that was taken over", async () => {
  const { port, log, requests } = await start((_, reply) => {
    reply.hijack();
    reply.raw.write("some");
    return reply;
  });
  const client = connect(port, "127.0.0.1");
  client.write("GET /api/thing/1 HTTP/1.1\r\nhost: localhost\r\n\r\n");
  await new Promise((resolve) => client.once("data", resolve));
  expect(requests.underWay).toBe(1);
  client.destroy();
  const [line] = await lines(log, 1);
  expect(line).toMatchObject({ level: "info", message: "client left", fields: { status: 499 } });
  expect(requests.underWay).toBe(0);
});

test("a fault after the headers had left is one of ours, and the connection ends", async () => {
  const { port, log } = await start((_, reply) => {
    reply.raw.writeHead(200).flushHeaders();
    throw new ProxyError("invalid_request", "can't be told");
  });
  const client = connect(port, "127.0.0.1");
  client.write("GET /api/thing/1 HTTP/1.1\r\nhost: localhost\r\n\r\n");
  client.resume();
  await new Promise((resolve) => client.once("close", resolve));
  const [line] = await lines(log, 1);
  expect(line).toMatchObject({
    level: "warn",
    message: "did not answer",
    fields: { status: 200, error: "invalid_request" },
  });
});

test("requests that were sent ahead end with their connection, each with a line", async () => {
  const closed: string[] = [];
  const { port, log, requests } = await start((request, reply) => {
    reply.hijack();
    reply.raw.on("close", () => closed.push(request.url));
    if (request.url.endsWith("1")) reply.raw.write("some");
    return reply;
  });
  const client = connect(port, "127.0.0.1");
  for (const id of [1, 2, 3]) {
    client.write(`GET /api/thing/${id} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
  }
  for (let tries = 0; tries < 500 && requests.underWay < 3; tries += 1) await sleep(10);
  expect(requests.underWay).toBe(3);
  client.destroy();
  const told = await lines(log, 3);
  expect(told.map(({ fields }) => fields["status"])).toEqual([499, 499, 499]);
  expect(closed.toSorted()).toEqual(["/api/thing/1", "/api/thing/2", "/api/thing/3"]);
  expect(requests.underWay).toBe(0);
});

test("one client's requests on one connection have a line each", async () => {
  const { port, log } = await start();
  const client = connect(port, "127.0.0.1");
  for (const id of [1, 2, 3]) {
    client.write(`GET /api/thing/${id} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
  }
  await lines(log, 3);
  client.destroy();
  await lines(log, 3);
});
