import { describe, expect, test } from "vitest";
import { checkStream, parseNdjson, parseSse, type JsonObject } from "../support/ndjson.ts";
import { useProxiedDemo, weatherTool } from "./proxied.ts";

const { getUrl } = useProxiedDemo();

/** As curl does it: no content type, no accept header unless one is given. */
async function post(path: string, body: object | string, accept?: string): Promise<Response> {
  return fetch(getUrl() + path, {
    method: "POST",
    body: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)),
    headers: accept === undefined ? {} : { accept },
  });
}

const chat = { model: "demo", messages: [{ role: "user", content: "Hello" }] };
const requests: [string, string, object][] = [
  ["chat", "/api/chat", chat],
  ["thinking", "/api/chat", { ...chat, think: true }],
  ["tool calls", "/api/chat", { ...chat, tools: [weatherTool] }],
  ["log probabilities", "/api/chat", { ...chat, logprobs: true }],
  ["generate", "/api/generate", { model: "demo", prompt: "Hello" }],
];

/** Clock and chance aside. */
function settled(objects: readonly JsonObject[]): object[] {
  return objects.map((object) =>
    Object.fromEntries(
      Object.entries(object)
        .filter(([key]) => key !== "created_at" && !key.endsWith("_duration"))
        .map(([key, value]) => [key, JSON.stringify(value).replaceAll(/"call_\w+"/gu, '"call"')]),
    ),
  );
}

describe.each(requests)("%s", (_, path, body) => {
  const kind = path === "/api/chat" ? "chat" : "generate";

  test.each([undefined, "*/*", "application/json", "application/x-ndjson, text/event-stream"])(
    "streams as NDJSON for Accept: %s",
    async (accept) => {
      const response = await post(path, body, accept);
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toBe("application/x-ndjson");
      checkStream(parseNdjson(await response.text()), kind);
    },
  );

  test("streams the same objects as Server-Sent Events", async () => {
    const lines = parseNdjson(await (await post(path, body)).text());
    const response = await post(path, body, "text/event-stream");
    const { events } = parseSse(await response.text());
    checkStream(events, kind);
    expect(settled(events)).toEqual(settled(lines));
  });

  test.each([undefined, "text/event-stream"])(
    "lets nobody on the way hold chunks back (Accept: %s)",
    async (accept) => {
      const { headers, body: stream } = await post(path, body, accept);
      expect(headers.get("cache-control")).toBe("no-cache");
      expect(headers.get("x-accel-buffering")).toBe("no");
      expect(headers.get("transfer-encoding")).toBe("chunked");
      expect(headers.get("content-encoding")).toBeNull();
      expect(headers.get("content-length")).toBeNull();
      await stream?.cancel();
    },
  );

  test.each([undefined, "text/event-stream"])(
    "is one JSON object with stream:false (Accept: %s)",
    async (accept) => {
      const response = await post(path, { ...body, stream: false }, accept);
      expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
      expect(await response.json()).toMatchObject({
        model: "demo",
        done: true,
        done_reason: "stop",
      });
    },
  );
});

describe("an error before the stream is one JSON object", () => {
  test.each([
    ["an unknown model", "/api/chat", { ...chat, model: "nope" }, 404, "model 'nope' not found"],
    ["no model", "/api/chat", { messages: chat.messages }, 400, "model is required"],
    ["no body", "/api/chat", "", 400, "missing request body"],
    ["half a body", "/api/generate", '{"model":"demo"', 400, "unexpected EOF"],
  ])("%s", async (_, path, body, status, error) => {
    for (const accept of [undefined, "text/event-stream"]) {
      const response = await post(path, body, accept);
      expect(response.status).toBe(status);
      expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
      expect(await response.json()).toEqual({ error });
    }
  });
});

describe("what asks whether Ollama is there", () => {
  test.each(["/", "/?", "//"])("GET %s is told that it is running", async (path) => {
    const response = await fetch(getUrl() + path);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toMatch(/^text\/plain/u);
    expect(await response.text()).toBe("Ollama is running");
  });

  test.each(["/", "/api/version", "/api/tags"])(
    "HEAD %s has a status and no body",
    async (path) => {
      const response = await fetch(getUrl() + path, { method: "HEAD" });
      expect(response.status).toBe(200);
      expect(await response.text()).toBe("");
    },
  );

  test.each(["/api/tags/", "/api/tags?", "/v1/models?", "/v1/models/"])(
    "GET %s is answered",
    async (path) => {
      const response = await fetch(getUrl() + path);
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toMatch(/^application\/json/u);
    },
  );

  test("an unknown route and a wrong method are told as Ollama tells them", async () => {
    const unknown = await fetch(`${getUrl()}/api/nope`);
    expect([unknown.status, await unknown.text()]).toEqual([404, "404 page not found"]);
    const wrong = await fetch(`${getUrl()}/api/chat`);
    expect([wrong.status, await wrong.text()]).toEqual([405, "405 method not allowed"]);
    expect(wrong.headers.get("allow")).toBe("POST");
  });
});
