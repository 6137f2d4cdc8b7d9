import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  chunk,
  sse,
  startScriptedUpstream,
  type ScriptedUpstream,
} from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";
import { call, type Call } from "./call.ts";

let upstream: ScriptedUpstream;
let proxy: StartedProxy;

beforeAll(async () => {
  upstream = await startScriptedUpstream();
  upstream.play({ steps: [sse(chunk({ content: "well" }), chunk({}, "stop"), "[DONE]")] });
  proxy = await startProxy({ upstreamUrl: upstream.baseUrl });
});
afterAll(async () => {
  await proxy.close();
  await upstream.close();
});

const ask = (options: Omit<Call, "port">) => call({ port: proxy.port, ...options });

const CHAT = `{"model":"m","stream":false,"messages":[{"role":"user","content":"hi"}]}`;

// What is refused, and what is taken all the same, is played in test/faults/matrix.
describe("a body", () => {
  test("may say that it is not encoded", async () => {
    const headers = { "content-encoding": "identity" };
    expect((await ask({ path: "/api/chat", body: CHAT, headers })).status).toBe(200);
  });

  test("of two models names the last", async () => {
    const body = CHAT.replace('"model":"m"', '"model":"m","model":"nope"');
    const answer = await ask({ path: "/api/chat", body });
    expect(answer).toMatchObject({ status: 404, body: `{"error":"model 'nope' not found"}` });
  });

  test("that is not UTF-8 reaches the backend repaired", async () => {
    const [before = "", after = ""] = CHAT.split("hi");
    const body = Buffer.concat([Buffer.from(before), Buffer.from([0xff]), Buffer.from(after)]);
    expect((await ask({ path: "/api/chat", body })).status).toBe(200);
    expect(upstream.requests.at(-1)?.body).toContain("\uFFFD");
  });
});

describe("an address", () => {
  test.each([
    ["GET", "/api/chat", "POST"],
    ["POST", "/api/tags", "HEAD, GET"],
    ["GET", "/api/nothing", undefined],
  ])("%s %s is refused as text, and the methods are named", async (method, path, allow) => {
    const { headers } = await ask({ method, path });
    expect(headers["content-type"]).toBe("text/plain");
    expect(headers["allow"]).toBe(allow);
  });

  test.each(["/api/version/", "/api/version?", "/api/version?a=b", "/api/version/?a=b"])(
    "%s is /api/version",
    async (path) => {
      expect(await ask({ path })).toMatchObject({ status: 200, body: '{"version":"0.34.4"}' });
    },
  );

  test.each(["/api/chat/", "/api/chat?x=1"])("%s is /api/chat", async (path) => {
    expect((await ask({ path, body: CHAT })).status).toBe(200);
  });
});
