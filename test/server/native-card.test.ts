import { describe, expect, test } from "vitest";
import type { ConfigFile } from "../../src/config/schema.ts";
import { until } from "../faults/waiting.ts";
import { json, type RecordedRequest, type Script } from "../support/scripted-upstream.ts";
import { backend, chat, proxyOf } from "./backends.ts";
import { call } from "./call.ts";

const MODIFIED = "2026-11-23T09:27:13Z";
const FIGURES =
  '"total_duration":11,"load_duration":2,"prompt_eval_count":3,"prompt_eval_duration":4,"eval_count":5,"eval_duration":6';
const ANSWER = `{"model":"m","created_at":"${MODIFIED}","message":{"role":"assistant","content":"hi"},"done":true,"done_reason":"stop",${FIGURES}}`;
const DETAILS = {
  parent_model: "",
  format: "gguf",
  family: "llama",
  families: ["llama"],
  parameter_size: "1B",
  quantization_level: "Q4_1",
};
const MODEL = { name: "m:latest", model: "m:latest", details: DETAILS };
/** Spelled as nobody else would, so that a card printed anew is seen. */
const CARD = JSON.stringify({
  modelfile: "FROM m",
  template: "{{ .Prompt }}",
  details: DETAILS,
  model_info: { "general.architecture": "llama", "llama.context_length": 8192 },
  capabilities: ["completion"],
  modified_at: MODIFIED,
}).replaceAll(",", ",  ");

interface Plays {
  readonly show: Script;
  readonly chat: Script;
}

/** A real Ollama that answers these. */
async function ollamaBehind(plays: Plays, config: ConfigFile = {}) {
  const answer = ({ path }: RecordedRequest) => (path === "/api/show" ? plays.show : plays.chat);
  const ollama = await backend(answer, {
    lookups: { "/api/tags": json(200, { models: [MODEL] }), "/api/ps": json(200, { models: [] }) },
  });
  const base_url = ollama.baseUrl.replace("/v1", "");
  const proxy = await proxyOf({
    upstreams: [{ id: "a", kind: "ollama", base_url }],
    admin: { listen: "127.0.0.1:0" },
    ...config,
  });
  const show = () => call({ port: proxy.port, path: "/api/show", body: '{"model":"m"}' });
  const { port: adminPort } = proxy.logs.find(({ msg }) => msg === "serving metrics and state") as {
    port: number;
  };
  const metrics = async () => (await call({ port: adminPort, path: "/metrics" })).body;
  return { proxy, ollama, show, metrics };
}

const given: Script = { ...json(200, {}), steps: [CARD] };
const lost: Script = { steps: [{ reset: true }] };
const well: Script = { ...json(200, {}), steps: [ANSWER] };

describe("a card of a real Ollama", () => {
  test("is the Ollama's, byte for byte", async () => {
    const { show } = await ollamaBehind({ show: given, chat: well });
    expect(await show()).toMatchObject({ status: 200, body: CARD });
  });

  test("needs no slot", async () => {
    const config = { limits: { concurrent: 1, queue: 10 } };
    const hanging: Script = { raw: true, steps: [{ hang: true }] };
    const { proxy, ollama, show } = await ollamaBehind({ show: given, chat: hanging }, config);
    const isAsked = () => ollama.requests.some(({ path }) => path === "/api/chat");
    const waiting = chat(proxy).catch(() => {});
    await until("the slot is taken", isAsked, 5_000);
    expect(await show()).toMatchObject({ status: 200, body: CARD });
    await proxy.close();
    await waiting;
  });

  test("is asked for while no answer is", async () => {
    const config = { circuit: { failures: 1, open: "1h", max_open: "1h" } };
    const { proxy, show } = await ollamaBehind({ show: given, chat: lost }, config);
    await chat(proxy);
    await chat(proxy);
    expect(await chat(proxy)).toMatchObject({ status: 503, tries: 0 });
    expect(await show()).toMatchObject({ status: 200, body: CARD });
  });

  test("is ours where there is none, which says nothing of answers", async () => {
    const config = { circuit: { failures: 1, open: "1h", max_open: "1h" } };
    const { proxy, ollama, show, metrics } = await ollamaBehind({ show: lost, chat: well }, config);
    for (let i = 0; i < 3; i += 1) {
      const { status, headers, body } = await show();
      expect([status, JSON.parse(body)]).toEqual([
        200,
        expect.objectContaining({ details: expect.objectContaining({ family: "llama" }) }),
      ]);
      expect(headers).not.toHaveProperty("x-proxy-upstream");
    }
    expect(ollama.requests.length).toBeGreaterThanOrEqual(3);
    const lines = () => proxy.logs.filter(({ route }) => route === "/api/show");
    await until("the lines", () => lines().length === 3, 5_000);
    for (const line of lines()) {
      expect(line).toMatchObject({ level: "info", status: 200, msg: "answered" });
      expect(line).not.toHaveProperty("outcome");
    }
    expect(await metrics()).not.toContain("gen_ai_operation_name=");
    expect(await chat(proxy)).toMatchObject({ status: 200, text: "hi" });
  });

  test("is ours while the Ollama is too busy", async () => {
    const busy = json(503, { error: "server busy" });
    const { show } = await ollamaBehind({ show: busy, chat: well });
    expect((await show()).status).toBe(200);
  });

  test("is asked for with the client's key where that is the backend's", async () => {
    const { proxy, ollama } = await ollamaBehind({ show: given, chat: well });
    await proxy.reload({
      upstreams: [
        {
          id: "b",
          kind: "ollama",
          base_url: ollama.baseUrl.replace("/v1", ""),
          auth: "client",
        },
      ],
    });
    const headers = { authorization: "Bearer sk-mine" };
    await call({ port: proxy.port, path: "/api/show", headers, body: '{"model":"m"}' });
    expect(ollama.requests.at(-1)?.headers["authorization"]).toBe("Bearer sk-mine");
  });
});
