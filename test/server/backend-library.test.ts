import { afterAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import {
  json,
  startScriptedUpstream,
  type RecordedRequest,
  type Script,
} from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";
import { call, type Called } from "./call.ts";

/** Its list is what the test makes of it. */
const models: { id: string }[] = [];
const upstream = await startScriptedUpstream({ models });
afterAll(() => upstream.close());

let proxy: StartedProxy;

/** A backend that can change its models. */
beforeEach(async () => {
  models.splice(0, models.length, { id: "m" }, { id: "n" });
  upstream.requests.length = 0;
  plays(() => json(200, {}));
  const { baseUrl } = upstream;
  const started = await startProxy({
    config: { upstreams: [{ id: "a", base_url: baseUrl, dialect: "ollama" }] },
  });
  onTestFinished(() => started.close());
  proxy = started;
});

function ask(method: string, path: string, body: object): Promise<Called> {
  const text = JSON.stringify(body);
  const headers = { "content-length": String(Buffer.byteLength(text)) };
  return call({ port: proxy.port, method, path, headers, body: text });
}
const post = (path: string, body: object) => ask("POST", path, body);

async function names(): Promise<string[]> {
  const { body } = await call({ port: proxy.port, path: "/api/tags" });
  return (JSON.parse(body) as { models: { name: string }[] }).models.map(({ name }) => name);
}

/** Cards are asked for whenever the proxy likes. */
const isLookUp = ({ path }: RecordedRequest) => path === "/api/show";

function plays(script: () => Script): void {
  upstream.play((request) => (isLookUp(request) ? json(404, {}) : script()));
}

function asked(): string[] {
  return upstream.requests
    .filter((request) => !isLookUp(request))
    .map(({ method, path, body }) => `${method} ${path} ${body}`);
}

describe("a backend that can delete", () => {
  test("does", async () => {
    plays(() => {
      models.shift();
      return json(200, {});
    });
    expect(await ask("DELETE", "/api/delete", { model: "m:latest" })).toMatchObject({
      status: 200,
      body: "",
    });
    expect(asked()).toEqual(['DELETE /api/delete {"model":"m"}']);
    expect(await names()).toEqual(["n:latest"]);
  });

  test("is not asked for the base of a model", async () => {
    await post("/api/create", { model: "mine", from: "m" });
    const error = "model 'm' can't be deleted: mine:latest would be without a base";
    expect(await ask("DELETE", "/api/delete", { model: "m" })).toMatchObject({
      status: 400,
      body: JSON.stringify({ error }),
    });
    expect(asked()).toEqual([]);
  });

  test("may refuse", async () => {
    plays(() => json(500, { error: "in use" }));
    const { status, body } = await ask("DELETE", "/api/delete", { model: "m" });
    expect(status).toBe(500);
    expect(body).toContain("in use");
  });
});

describe("a backend that can copy", () => {
  test("does", async () => {
    await post("/api/copy", { source: "m", destination: "other" });
    expect(asked()).toEqual(['POST /api/copy {"source":"m","destination":"other"}']);
  });

  test("is not asked where a name is taken", async () => {
    expect(await post("/api/copy", { source: "m", destination: "n" })).toMatchObject({
      status: 200,
    });
    expect(asked()).toEqual([]);
  });
});

describe("a backend that can pull", () => {
  const layer = `sha256:${"0".repeat(64)}`;

  function pulls(...lines: object[]): Script {
    models.push({ id: "new" });
    const steps = lines.map((line) => `${JSON.stringify(line)}\n`);
    return { headers: { "content-type": "application/x-ndjson" }, steps };
  }
  const progress = { status: "pulling 000000000000", digest: layer, total: 10, completed: 5 };
  const whole = [{ status: "pulling manifest" }, progress, { status: "success" }];

  test("does, and its progress is told", async () => {
    plays(() => pulls(...whole));
    const { body } = await post("/api/pull", { model: "new" });
    expect(body).toBe(whole.map((line) => `${JSON.stringify(line)}\n`).join(""));
    expect(asked()).toEqual(['POST /api/pull {"model":"new"}']);
    expect(await names()).toContain("new:latest");
  });

  test("is not asked for what is there", async () => {
    await post("/api/pull", { model: "m" });
    expect(asked()).toEqual([]);
  });

  test("does so for the base of a new model", async () => {
    plays(() => pulls(...whole));
    const create = { model: "mine", from: "new", system: "Hi", stream: false };
    expect(await post("/api/create", create)).toMatchObject({
      status: 200,
      body: '{"status":"success"}',
    });
    expect(await names()).toContain("mine:latest");
  });

  test("may fail", async () => {
    plays(() => pulls({ status: "pulling manifest" }, { error: "no such model" }));
    const { status, body } = await post("/api/pull", { model: "new" });
    expect(status).toBe(200);
    expect(body).toMatch(/^\{"status":"pulling manifest"\}\n\{"error":".*no such model.*"\}\n$/u);
  });
});
