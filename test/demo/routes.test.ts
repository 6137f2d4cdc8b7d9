import { describe, expect, test } from "vitest";
import { startDemoBackend } from "../../src/demo/demo-backend.ts";
import { useDemoBackend } from "./demo-client.ts";

const { getClient, getBaseUrl } = useDemoBackend();

describe("models", () => {
  test("are listed with what each can do", async () => {
    const { data } = await getClient().models.list();
    expect(data).toEqual([
      {
        id: "demo",
        object: "model",
        created: expect.any(Number),
        owned_by: "ollama-openai-proxy demo",
        capabilities: ["completion", "tools", "thinking", "vision"],
        context_length: 8192,
      },
      {
        id: "demo-embed",
        object: "model",
        created: expect.any(Number),
        owned_by: "ollama-openai-proxy demo",
        capabilities: ["embedding"],
        context_length: 8192,
        embedding_length: 64,
      },
    ]);
    expect(await getClient().models.retrieve("demo-embed")).toEqual(data[1]);
  });

  test.for(["/models/gpt-9", "/models/a/b", "/models/%E0%A4%A"])("%s is unknown", async (path) => {
    const response = await fetch(getBaseUrl() + path);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: { code: "model_not_found" } });
  });
});

test("/health answers", async () => {
  const response = await fetch(getBaseUrl().replace(/\/v1$/, "/health?verbose"));
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ status: "ok" });
});

test("HEAD answers as GET does, without a body", async () => {
  const response = await fetch(`${getBaseUrl()}/models`, { method: "HEAD" });
  expect(response.status).toBe(200);
  expect(await response.text()).toBe("");
});

test("a stream is Server-Sent Events and ends with [DONE]", async () => {
  const response = await post("/chat/completions", {
    model: "demo",
    messages: [{ role: "user", content: "hi" }],
    stream: true,
  });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const events = (await response.text()).split("\n\n");
  expect(events.slice(-2)).toEqual(["data: [DONE]", ""]);
  for (const event of events.slice(0, -2)) {
    expect(JSON.parse(event.replace(/^data: /, ""))).toHaveProperty("choices");
  }
});

describe("errors have OpenAI's shape", () => {
  const messages = [{ role: "user", content: "hi" }];

  test.for<[name: string, path: string, body: unknown, status: number, code: string | null]>([
    ["unknown model", "/chat/completions", { model: "x", messages }, 404, "model_not_found"],
    ["unknown model", "/completions", { model: "x", prompt: "" }, 404, "model_not_found"],
    ["unknown model", "/embeddings", { model: "x", input: "" }, 404, "model_not_found"],
    ["no model", "/chat/completions", { messages }, 400, null],
    ["wrong model", "/chat/completions", { model: "demo-embed", messages }, 400, null],
    ["wrong model", "/embeddings", { model: "demo", input: "x" }, 400, null],
    ["no messages", "/chat/completions", { model: "demo", messages: [] }, 400, null],
    ["no object", "/chat/completions", [], 400, null],
    ["no JSON", "/chat/completions", "{", 400, null],
    ["empty body", "/chat/completions", "", 400, null],
    ["no such route", "/responses", { model: "demo", input: "hi" }, 404, "unknown_url"],
    ["no such route", "/messages", { model: "demo", messages }, 404, "unknown_url"],
  ])("%s at %s", async ([, path, body, status, code]) => {
    const response = await post(path, body);
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/json");
    const { error }: { error: object } = JSON.parse(await response.text());
    expect(error).toMatchObject({
      message: expect.stringMatching(/\.$/),
      type: "invalid_request_error",
      code,
    });
    expect(error).toHaveProperty("param");
  });

  test.for<[method: string, path: string, allow: string]>([
    ["GET", "/chat/completions", "POST"],
    ["DELETE", "/models/demo", "GET"],
    ["POST", "/models", "GET"],
  ])("%s %s is not allowed", async ([method, path, allow]) => {
    const response = await fetch(getBaseUrl() + path, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe(allow);
    expect(await response.json()).toHaveProperty("error.message");
  });
});

test("close ends a stream that is still running, and may be called again", async () => {
  const backend = await startDemoBackend({ pace: 60_000 });
  const response = await fetch(`${backend.baseUrl}/chat/completions`, {
    method: "POST",
    body: JSON.stringify({
      model: "demo",
      messages: [{ role: "user", content: "hi" }],
      stream: true,
    }),
  });
  const text = response.text();
  const ended = expect(text).rejects.toThrow("terminated");
  await backend.close();
  await ended;
  await backend.close();
  await expect(fetch(`${backend.baseUrl}/models`)).rejects.toThrow("fetch failed");
});

function post(path: string, body: unknown): Promise<Response> {
  return fetch(getBaseUrl() + path, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}
