import { describe, expect, test } from "vitest";
import { INTRODUCTION } from "../../src/demo/replies.ts";
import { collect, png, useProxiedDemo, weatherTool } from "./proxied.ts";

const { getOllama } = useProxiedDemo();

const hello = { model: "demo", messages: [{ role: "user", content: "Hello there" }] };
const metrics = {
  total_duration: expect.any(Number),
  load_duration: expect.any(Number),
  prompt_eval_count: expect.any(Number),
  prompt_eval_duration: expect.any(Number),
  eval_count: expect.any(Number),
  eval_duration: expect.any(Number),
};

describe("the ollama package's chat", () => {
  test("streams text in many pieces and one last line with the metrics", async () => {
    const lines = await collect(await getOllama().chat({ ...hello, stream: true }));
    const last = lines.at(-1);
    expect(lines.length).toBeGreaterThan(5);
    expect(lines.map((line) => line.message.content).join("")).toBe(
      `${INTRODUCTION} To connect a real one, set OPENAI_BASE_URL and OPENAI_API_KEY. You wrote: Hello there`,
    );
    expect(last).toMatchObject({ model: "demo", done: true, done_reason: "stop", ...metrics });
    expect(
      lines.slice(0, -1).every((line) => !line.done && line.message.role === "assistant"),
    ).toBe(true);
    expect(new Set(lines.map((line) => line.created_at)).size).toBe(1);
  });

  test("answers whole with the same text and counts", async () => {
    const lines = await collect(await getOllama().chat({ ...hello, stream: true }));
    const answer = await getOllama().chat(hello);
    expect(answer.message.content).toBe(lines.map((line) => line.message.content).join(""));
    expect(answer).toMatchObject({ done: true, done_reason: "stop", ...metrics });
    expect(answer.eval_count).toBe(lines.at(-1)?.eval_count);
    expect(answer.prompt_eval_count).toBe(lines.at(-1)?.prompt_eval_count);
  });

  test.each([true, "high" as const])("tells thoughts apart from text (think %s)", async (think) => {
    const lines = await collect(await getOllama().chat({ ...hello, think, stream: true }));
    const thinking = lines.map((line) => line.message.thinking ?? "").join("");
    expect(thinking).toMatch(/^Here the thoughts of a model would stream/u);
    const firstText = lines.findIndex((line) => line.message.content !== "");
    expect(lines.slice(firstText).some((line) => line.message.thinking !== undefined)).toBe(false);
    const answer = await getOllama().chat({ ...hello, think });
    expect(answer.message.thinking).toBe(thinking);
    expect(answer.message.content).toBe(lines.map((line) => line.message.content).join(""));
  });

  test("has no thoughts when thinking is off", async () => {
    const answer = await getOllama().chat({ ...hello, think: false });
    expect(answer.message).not.toHaveProperty("thinking");
  });

  test.each([true, false])("goes through a round of tool calls (stream %s)", async (stream) => {
    const messages = [{ role: "user", content: "What is the weather in Rome, get_weather" }];
    const request = { model: "demo", messages, tools: [weatherTool] };
    const answers = stream
      ? await collect(await getOllama().chat({ ...request, stream }))
      : [await getOllama().chat(request)];
    const calls = answers.flatMap((answer) => answer.message.tool_calls ?? []);
    expect(calls).toEqual([
      {
        id: expect.stringMatching(/./u),
        function: { index: 0, name: "get_weather", arguments: { city: "Rome" } },
      },
    ]);
    expect(answers.at(-1)).toMatchObject({ done: true, done_reason: "stop" });
    const second = await getOllama().chat({
      ...request,
      messages: [
        ...messages,
        { role: "assistant", content: "", tool_calls: calls },
        { role: "tool", tool_name: "get_weather", content: "20 degrees" },
      ],
    });
    expect(second.message.content).toContain("get_weather answered: 20 degrees");
  });

  test("keeps results and calls of two tools apart", async () => {
    const call = (name: string) => ({ function: { name, arguments: {} } });
    const answer = await getOllama().chat({
      model: "demo",
      messages: [
        { role: "user", content: "Both" },
        { role: "assistant", content: "", tool_calls: [call("add"), call("get_weather")] },
        { role: "tool", tool_name: "get_weather", content: "rain" },
        { role: "tool", tool_name: "add", content: "3" },
      ],
    });
    expect(answer.message.content).toContain("get_weather answered: rain");
    expect(answer.message.content).toContain("add answered: 3");
  });

  test.each([
    ["json", "json", { answer: expect.any(String) }],
    [
      "a schema",
      {
        type: "object",
        required: ["name", "age"],
        properties: { name: { type: "string" }, age: { type: "integer" } },
      },
      { name: "Ada", age: expect.any(Number) },
    ],
  ])("answers in the format of %s", async (_, format, expected) => {
    const request = {
      model: "demo",
      messages: [{ role: "user", content: "Tell me of Ada" }],
      format,
    };
    const answer = await getOllama().chat(request);
    expect(JSON.parse(answer.message.content)).toEqual(expected);
    const lines = await collect(await getOllama().chat({ ...request, stream: true }));
    expect(lines.map((line) => line.message.content).join("")).toBe(answer.message.content);
  });

  test("tells log probabilities, as many as there are tokens, streaming or not", async () => {
    const request = { ...hello, logprobs: true, top_logprobs: 2 };
    const lines = await collect(await getOllama().chat({ ...request, stream: true }));
    const answer = await getOllama().chat(request);
    const streamed = lines.flatMap((line) => line.logprobs ?? []);
    expect(answer.logprobs).toEqual(streamed);
    expect(streamed.map(({ token }) => token).join("")).toBe(answer.message.content);
    expect(streamed.every((entry) => entry.top_logprobs?.length === 2)).toBe(true);
  });

  test.each([
    ["as base64", [png]],
    ["as bytes", [Buffer.from(png, "base64")]],
    ["as a data URL", [`data:image/jpeg;base64,${png}`]],
  ])("sends an image %s, its type told from its bytes", async (_, images) => {
    const answer = await getOllama().chat({
      model: "demo",
      messages: [{ role: "user", content: "What is it?", images }],
    });
    expect(answer.message.content).toContain("You sent 1 image: image/png.");
  });

  test("honours num_predict and stop", async () => {
    const short = await getOllama().chat({ ...hello, options: { num_predict: 2 } });
    expect(short).toMatchObject({ done_reason: "length", eval_count: 2 });
    const stopped = await getOllama().chat({ ...hello, options: { stop: ["demo"] } });
    expect(stopped.message.content).toBe("This is the built-in ");
    expect(stopped.done_reason).toBe("stop");
  });

  test.each([
    ["loads", undefined, "load"],
    ["unloads", 0, "unload"],
  ])("%s a model when there are no messages", async (_, keep_alive, done_reason) => {
    const request = {
      model: "demo",
      messages: [],
      ...(keep_alive === undefined ? {} : { keep_alive }),
    };
    const answer = await getOllama().chat(request);
    expect(answer).toEqual({
      model: "demo",
      created_at: expect.any(String),
      message: { role: "assistant", content: "" },
      done: true,
      done_reason,
    });
  });
});
