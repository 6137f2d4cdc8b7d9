import type OpenAI from "openai";
import { describe, expect, test } from "vitest";
import { finishReasonOf, joinContent, reasoningOf, useDemoBackend, user } from "./demo-client.ts";

const { askChat, streamChat, getClient } = useDemoBackend();

const weather = tool("get_weather", {
  type: "object",
  properties: {
    city: { type: "string" },
    unit: { type: "string", enum: ["celsius", "fahrenheit"] },
    days: { type: "integer" },
    exact: { type: "boolean" },
    note: { type: "string" },
  },
  required: ["city", "unit", "days", "exact"],
});
const clock = tool("get_time", {
  type: "object",
  properties: { zones: { type: "array", items: { type: "string" } } },
  required: ["zones"],
});
const tools = [weather, clock];

const weatherArguments = { city: "Paris", unit: "celsius", days: 1, exact: true };

test("the first tool is called, streamed as OpenAI does", async () => {
  const chunks = await streamChat({
    messages: [user("What is the weather in Paris?")],
    tools,
    stream_options: { include_usage: true },
  });
  const deltas = chunks.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? []);
  expect(deltas[0]).toEqual({
    index: 0,
    id: expect.stringMatching(/^call_\w+$/),
    type: "function",
    function: { name: "get_weather", arguments: "" },
  });
  const fragments = deltas.slice(1);
  expect(fragments).toHaveLength(3);
  for (const fragment of fragments) {
    expect(fragment).toEqual({ index: 0, function: { arguments: expect.stringMatching(/./) } });
  }
  const text = fragments.map((fragment) => fragment.function?.arguments).join("");
  expect(JSON.parse(text)).toEqual(weatherArguments);
  expect(joinContent(chunks)).toBe("");
  expect(finishReasonOf(chunks)).toBe("tool_calls");
  expect(chunks.at(-1)?.usage?.completion_tokens).toBeGreaterThan(1);
});

test("two tools that the message names are both called", async () => {
  const stream = getClient().chat.completions.stream({
    model: "demo",
    messages: [user("Use get_time and get_weather for Paris.")],
    tools,
  });
  const message = await stream.finalMessage();
  const calls = message.tool_calls?.filter((call) => call.type === "function") ?? [];
  expect(calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)])).toEqual([
    ["get_weather", weatherArguments],
    ["get_time", { zones: ["Paris"] }],
  ]);
  expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
});

test("without streaming the message has the calls and no text", async () => {
  const { choices } = await askChat({ messages: [user("Weather in Paris?")], tools });
  expect(choices[0]?.finish_reason).toBe("tool_calls");
  expect(choices[0]?.message.content).toBeNull();
  expect(choices[0]?.message.tool_calls).toMatchObject([
    { type: "function", function: { name: "get_weather" } },
  ]);
});

test("a thought may come before a call", async () => {
  const chunks = await streamChat({
    messages: [user("Weather?")],
    tools,
    reasoning_effort: "medium",
  });
  expect(reasoningOf(chunks[1]?.choices[0]?.delta)).toBe("Here");
  expect(finishReasonOf(chunks)).toBe("tool_calls");
});

describe("tool_choice", () => {
  test("none forbids calls", async () => {
    const { choices } = await askChat({
      messages: [user("Weather?")],
      tools,
      tool_choice: "none",
    });
    expect(choices[0]?.finish_reason).toBe("stop");
  });

  test("names the tool to call", async () => {
    const { choices } = await askChat({
      messages: [user("Weather?")],
      tools,
      tool_choice: { type: "function", function: { name: "get_time" } },
    });
    expect(choices[0]?.message.tool_calls).toMatchObject([{ function: { name: "get_time" } }]);
  });
});

test("the results of tools are quoted", async () => {
  const { choices } = await askChat({
    tools,
    messages: [
      user("What is the weather in Paris, and the time?"),
      {
        role: "assistant",
        content: null,
        tool_calls: [toolCall("call_1", "get_weather"), toolCall("call_2", "get_time")],
      },
      { role: "tool", tool_call_id: "call_1", content: "22 °C" },
      { role: "tool", tool_call_id: "call_2", content: "noon" },
    ],
  });
  expect(choices[0]?.finish_reason).toBe("stop");
  expect(choices[0]?.message.content).toBe(
    "This is the built-in demo backend, not a language model. " +
      "get_weather answered: 22 °C get_time answered: noon",
  );
});

function tool(name: string, parameters: Record<string, unknown>): OpenAI.ChatCompletionTool {
  return { type: "function", function: { name, parameters } };
}

function toolCall(id: string, name: string): OpenAI.ChatCompletionMessageToolCall {
  return { id, type: "function", function: { name, arguments: "{}" } };
}
