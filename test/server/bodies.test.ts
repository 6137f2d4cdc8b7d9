import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  chunk,
  sse,
  startScriptedUpstream,
  type ScriptedUpstream,
} from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";
import { call, type Call } from "./call.ts";

const MAX_BODY = 2 * 1024 * 1024;

let upstream: ScriptedUpstream;
let proxy: StartedProxy;

beforeAll(async () => {
  upstream = await startScriptedUpstream();
  upstream.play({ steps: [sse(chunk({ content: "well" }), chunk({}, "stop"), "[DONE]")] });
  proxy = await startProxy({ upstreamUrl: upstream.baseUrl, config: { max_body: MAX_BODY } });
});
afterAll(async () => {
  await proxy.close();
  await upstream.close();
});
let asked = 0;
beforeEach(() => {
  asked = upstream.requests.length;
});

const ask = (options: Omit<Call, "port">) => call({ port: proxy.port, ...options });

const CHAT = `{"model":"m","stream":false,"messages":[{"role":"user","content":"hi"}]}`;

const ollama = (error: string): object => ({ error });
const openai = (message: string): object => ({ error: { message, code: null } });

/** Routes with a body, how each tells an error, and its word for no body. */
const routes = [
  ["/api/chat", ollama, "missing request body"],
  ["/api/generate", ollama, "missing request body"],
  ["/v1/chat/completions", openai, "EOF"],
] as const;

/** JSON of a chat with this extra text in it, and thus of this size. */
function sized(bytes: number): string {
  const frame = CHAT.replace("hi", "");
  return frame.replace('"content":"', `"content":"${"x".repeat(bytes - frame.length)}`);
}

describe.each(routes)("%s", (path, shape, missing) => {
  async function refuses(call_: Omit<Call, "port" | "path">, status: number, text: string) {
    const answer = await ask({ path, ...call_ });
    expect(JSON.parse(answer.body)).toMatchObject(shape(text));
    expect(answer.status).toBe(status);
    expect(upstream.requests).toHaveLength(asked);
    return answer;
  }

  test("F-92: a body of the limit is taken", async () => {
    expect((await ask({ path, body: sized(MAX_BODY) })).status).not.toBe(413);
  });

  test("F-92: one byte more is refused by its announced length", async () => {
    await refuses({ body: sized(MAX_BODY + 1) }, 413, "request body too large");
  });

  test("F-92: one byte more is refused without a length", async () => {
    const body = sized(MAX_BODY + 1);
    const pieces = [body.slice(0, MAX_BODY), body.slice(MAX_BODY)];
    await refuses({ body: pieces }, 413, "request body too large");
  });

  test.each([
    ["257 levels", `{"x":${"[".repeat(256)}${"]".repeat(256)}}`, "exceeded max depth"],
    ["a million levels", "[".repeat(1_000_000), "exceeded max depth"],
    ["500,001 values", `[${"0,".repeat(500_000)}0]`, "request too complex"],
    ["500,001 objects", `[${"{},".repeat(250_000)}{}]`, "request too complex"],
  ])("F-93: %s are refused quickly", async (_, body, text) => {
    await refuses({ body }, 400, text);
  });

  test("F-93: 256 levels are taken, and brackets in texts do not count", async () => {
    const deep = `{"x":${"[".repeat(255)}${"]".repeat(255)},"y":"${"[".repeat(300)}","z":"\\"[["}`;
    const { body } = await ask({ path, body: deep });
    expect(body).toMatch(/model is required|model '' not found/);
  });

  test.each([
    ["nothing", ""],
    ["white space", " \n"],
  ])("F-94: %s is a missing body", async (_, body) => {
    await refuses({ body }, 400, missing);
  });

  test("F-94: a cut body", async () => {
    await refuses({ body: CHAT.slice(0, -1) }, 400, "unexpected EOF");
  });

  test.each(["[]", '"x"', "5", "true", "{]", "{'model':1}", "nonsense"])(
    "F-94: %s is refused",
    async (body) => {
      const answer = await ask({ path, body });
      expect(answer.status).toBe(400);
      expect(JSON.parse(answer.body)).toHaveProperty("error");
      expect(upstream.requests).toHaveLength(asked);
    },
  );

  test.each(["gzip", "zstd", "br", "deflate", "gzip, gzip"])(
    "F-95: a body in %s is refused",
    async (encoding) => {
      const headers = { "content-encoding": encoding };
      await refuses({ body: gzipSync(CHAT), headers }, 415, "unsupported content encoding");
    },
  );

  test("F-95: identity is no encoding", async () => {
    const headers = { "content-encoding": "identity" };
    expect((await ask({ path, body: CHAT, headers })).status).not.toBe(415);
  });
});

describe("F-94: bodies that real Ollama takes", () => {
  test.each([
    ["garbage after the object", `${CHAT} xx`],
    ["two objects", `${CHAT}${CHAT}`],
    ["white space before it", `\r\n\t ${CHAT}`],
    ["a byte order mark", `\uFEFF${CHAT}`],
    [
      "null where nothing is meant",
      CHAT.replace("{", '{"options":null,"format":null,"tools":null,'),
    ],
    ["members it does not know", CHAT.replace("{", '{"more":1,')],
    ["of a form", CHAT],
  ])("%s", async (_, body) => {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const answer = await ask({ path: "/api/chat", body, headers });
    expect(JSON.parse(answer.body)).toMatchObject({ message: { content: "well" }, done: true });
  });

  test("the last of two equal keys counts", async () => {
    const body = CHAT.replace("{", '{"model":"nope",');
    expect((await ask({ path: "/api/chat", body })).status).toBe(200);
    const other = CHAT.replace('"model":"m"', '"model":"m","model":"nope"');
    const answer = await ask({ path: "/api/chat", body: other });
    expect(answer).toMatchObject({ status: 404, body: `{"error":"model 'nope' not found"}` });
  });

  test("invalid UTF-8 is replaced", async () => {
    const [before = "", after = ""] = CHAT.split("hi");
    const body = Buffer.concat([Buffer.from(before), Buffer.from([0xff]), Buffer.from(after)]);
    expect((await ask({ path: "/api/chat", body })).status).toBe(200);
    expect(upstream.requests.at(-1)?.body).toContain("\uFFFD");
  });
});

describe("F-100: routes and methods", () => {
  test.each([
    ["GET", "/api/chat", 405, "405 method not allowed"],
    ["DELETE", "/api/generate", 405, "405 method not allowed"],
    ["POST", "/api/tags", 405, "405 method not allowed"],
    ["PUT", "/v1/models", 405, "405 method not allowed"],
    ["GET", "/api/nothing", 404, "404 page not found"],
    ["POST", "/v1/nothing", 404, "404 page not found"],
    ["GET", "/api", 404, "404 page not found"],
    ["GET", "/%2e%2e/api/tags", 404, "404 page not found"],
  ])("%s %s is %i", async (method, path, status, body) => {
    const answer = await ask({ method, path });
    expect(answer).toMatchObject({ status, body });
    expect(answer.headers["content-type"]).toBe("text/plain");
    expect(answer.headers["allow"] !== undefined).toBe(status === 405);
  });

  test("a GET route ignores a body", async () => {
    const headers = { "content-length": "2" };
    const answer = await ask({ method: "GET", path: "/api/version", headers, body: "{]" });
    expect(answer).toMatchObject({ status: 200, body: '{"version":"0.34.4"}' });
  });

  test.each(["/", "/api/version", "/api/tags", "/healthz", "/readyz"])(
    "HEAD %s has no body",
    async (path) => {
      expect(await ask({ method: "HEAD", path })).toMatchObject({ status: 200, body: "" });
    },
  );

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

describe("F-101: odd names of models", () => {
  const grammar = { status: 400, body: '{"error":"invalid model name"}' };

  test.each([
    ["10 KB", "x".repeat(10_240)],
    ["a path", "../x"],
    ["an absolute path", "/etc/passwd"],
    ["line ends", "a\r\nb"],
    ["NUL", "a\0b"],
    ["marks for right to left", "a\u202Eb"],
    ["two tags", "a:b:c"],
    ["a space", "a b"],
    ["markup", "<img onerror=1>"],
  ])("%s", async (_, model) => {
    for (const path of ["/api/chat", "/api/generate", "/api/show"]) {
      const body = JSON.stringify({ model, prompt: "hi", messages: [] });
      expect(await ask({ path, body })).toMatchObject(grammar);
    }
    const passed = await ask({ path: "/v1/chat/completions", body: JSON.stringify({ model }) });
    expect(passed.status).toBeGreaterThanOrEqual(400);
    expect(passed.status).toBeLessThan(500);
    expect(upstream.requests).toHaveLength(asked);
    for (const line of proxy.logs) expect(JSON.stringify(line)).not.toMatch(/[\u202E\0]/);
  });

  test.each([5, true, {}, []])("%j is no name", async (model) => {
    for (const path of ["/api/chat", "/api/generate", "/api/show", "/v1/chat/completions"]) {
      const answer = await ask({ path, body: JSON.stringify({ model }) });
      expect(answer.status).toBe(400);
      expect(answer.body).toContain("model");
    }
    expect(upstream.requests).toHaveLength(asked);
  });
});
