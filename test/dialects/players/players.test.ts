import { afterEach, describe, expect, test } from "vitest";
import type { Json } from "./backend.ts";
import { startPlayer, type Player } from "./player.ts";
import { backends, backendNames, type BackendName } from "./players.ts";

const messages = [{ role: "user", content: "Why is the sky blue?" }];
const call = { id: "call_abc", type: "function", function: { name: "f", arguments: "{}" } };
const tools = [{ type: "function", function: { name: "f", parameters: { type: "object" } } }];
const picture = { type: "image_url", image_url: { url: "data:image/webp;base64,UklG" } };

let player: Player;
afterEach(() => player.close());

describe("a player refuses what its backend refuses", () => {
  test.each<[name: BackendName, body: Json, status: number, words: string]>([
    ["openai", { top_k: 1 }, 400, '"message":"Unrecognized request argument supplied: top_k"'],
    ["openai", { tools: [] }, 400, "[] is too short - 'tools'"],
    ["openai", { response_format: { type: "json_object" } }, 400, "must contain the word 'json'"],
    ["openai", { stop: ["1", "2", "3", "4", "5"] }, 400, '"param":"stop"'],
    ["openai-reasoning", { max_tokens: 1 }, 400, "Use 'max_completion_tokens' instead."],
    ["openai-reasoning", { temperature: 1 }, 400, '"code":"unsupported_value"'],
    ["vllm", { continue_final_message: true }, 400, '"type":"BadRequestError"'],
    ["llamacpp", { repeat_last_n: -1 }, 400, '{"error":{"code":400'],
    [
      "llamacpp",
      { chat_template_kwargs: { enable_thinking: "true" } },
      400,
      "expected boolean, got string",
    ],
    ["llamacpp", { messages: [{ role: "user", content: [picture] }] }, 400, "image/webp"],
    ["lmstudio", { response_format: { type: "json_object" } }, 400, '{"error":"\'response_format'],
    ["tgi", { response_format: { type: "json_object" } }, 422, '"error_type":"validation"'],
    ["nim", { top_k: 1 }, 400, '"type":"urn:inference-service:problem-details:bad-request"'],
    ["groq", { logprobs: true }, 400, "property 'logprobs' is unsupported"],
    ["cerebras", { min_p: 1, top_k: 1 }, 400, "body.top_k: property 'body.top_k' is unsupported"],
    ["mistral", { stream_options: {} }, 422, '"loc":["body","stream_options"]'],
    [
      "mistral",
      { messages: [...messages, { role: "assistant", content: "", tool_calls: [call] }] },
      400,
      "must be a-z, A-Z, 0-9, with a length of 9",
    ],
    ["mistral", { messages: [{ role: "assistant", content: "x" }] }, 400, "Expected last role"],
    ["gemini", { seed: 1 }, 400, '[{"error":{"code":400'],
    ["xai-reasoning", { presence_penalty: 1 }, 400, "presencePenalty"],
    [
      "deepseek",
      {
        messages: [
          ...messages,
          { role: "assistant", content: "", tool_calls: [call] },
          { role: "tool", tool_call_id: "call_abc", content: "1" },
        ],
      },
      400,
      "must be passed back to the API",
    ],
    ["perplexity", { tools }, 400, "not supported"],
    ["perplexity", { messages: [...messages, ...messages] }, 400, "should be alternating"],
    ["fireworks", { messages: [{ ...messages[0], x: 1 }] }, 400, "messages[0].x"],
  ])("%s %j", async (name, body, status, words) => {
    const answer = await ask(name, body);
    expect(answer.status).toBe(status);
    expect(await answer.text()).toContain(words);
    expect(player.requests[0]?.heard).toBeUndefined();
  });

  test.each(["koboldcpp", "mlx"] as const)("%s breaks on null", async (name) => {
    await expect(ask(name, { seed: null })).rejects.toThrow("fetch failed");
  });

  test("azure wants its own header for the key", async () => {
    expect((await ask("azure", {})).status).toBe(401);
  });
});

describe("a player hears what its backend understands, under Ollama's name", () => {
  test.each<[name: BackendName, body: Json, heard: Json]>([
    ["vllm", { repetition_penalty: 2, repeat_penalty: 3 }, { repeat_penalty: 2 }],
    ["ollama", { top_k: 1, max_completion_tokens: 5, max_tokens: 6 }, { num_predict: 6 }],
    ["mlx", { response_format: { type: "json_object" } }, {}],
    ["mistral", { random_seed: 7 }, { seed: 7 }],
    ["anthropic", { temperature: 2, seed: 7 }, { temperature: 1 }],
    ["qwen", { enable_thinking: false }, { thinking: false }],
  ])("%s %j", async (name, body, heard) => {
    await (await ask(name, body)).text();
    expect(player.requests[0]?.heard?.fields).toEqual(heard);
  });
});

test.each(backendNames)("%s streams an answer that ends", async (name) => {
  const answer = await ask(name, { stream: true }, { "api-key": "key" });
  const text = await answer.text();
  expect(answer.headers.get("content-type")).toBe("text/event-stream");
  expect(text).toMatch(/"finish_reason":"(stop|length)"/);
  expect(text.trimEnd()).toMatch(/data: ?\[DONE\]$/);
});

async function ask(name: BackendName, body: Json, headers: Record<string, string> = {}) {
  player = await startPlayer(backends[name]);
  return fetch(`${player.baseUrl}/chat/completions`, {
    method: "POST",
    headers: { authorization: "Bearer key", ...headers },
    body: JSON.stringify({ model: backends[name].model, messages, ...body }),
  });
}
