import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readCompletion, readLines, type Answer, type Completion } from "./support/answers.ts";
import { startModelServer } from "./support/model-server.ts";
import { postForJson, postForText } from "./support/post-json.ts";
import { startProxy } from "./support/proxy.ts";

/** llama.cpp is asked the same question through the proxy and directly: the answers are the same. */
const model = await startModelServer("smol", "thinks and calls tools");
const proxy = await startProxy(model.baseUrl);
afterAll(() => Promise.all([proxy.stop(), model.stop()]));

type Fields = Record<string, unknown>;

interface Question {
  /** Of `/api/chat`, or with a `prompt` of `/api/generate`. */
  ours: { options?: object; [field: string]: unknown };
  /** Of `/v1/chat/completions`, or with a `prompt` of `/v1/completions`. */
  direct: Fields;
  /** What the answer must have, or the comparison would say nothing. */
  shows: object;
}

const user = (content: string) => [{ role: "user", content }];
const thinks = (value: boolean) => ({ chat_template_kwargs: { enable_thinking: value } });

const sum = user("What is 3 plus 4?");
const story = user("Tell a short story.");
const dog = user("Describe a dog called Rex who is 4 years old.");
const weather = user("What is the weather in Paris?");

const schema = {
  type: "object",
  properties: {
    name: { type: "string" },
    age: { type: "integer" },
    size: { enum: ["small", "large"] },
  },
  required: ["name", "age", "size"],
};

const tools = [
  {
    type: "function",
    function: {
      name: "get_weather",
      description: "Get the weather of a city",
      parameters: {
        type: "object",
        properties: { city: { type: "string" } },
        required: ["city"],
      },
    },
  },
];

const raw = "<|im_start|>user\nName three colours.<|im_end|>\n<|im_start|>assistant\n";

const questions: Record<string, Question> = {
  "a chat": {
    ours: { messages: story, think: false, options: { num_predict: 24 } },
    direct: { messages: story, ...thinks(false), max_tokens: 24 },
    shows: { text: expect.stringMatching(/\w/), finish: "length" },
  },
  "thinking on": {
    ours: { messages: sum, think: true },
    direct: { messages: sum, ...thinks(true) },
    shows: { thinking: expect.stringMatching(/\w/), text: expect.stringMatching(/\w/) },
  },
  "thinking off": {
    ours: { messages: sum, think: false },
    direct: { messages: sum, ...thinks(false) },
    shows: { thinking: "", text: expect.stringMatching(/\w/) },
  },
  "thinking on in generate": {
    ours: { prompt: "What is 3 plus 4?", think: true },
    direct: { messages: sum, ...thinks(true) },
    shows: { thinking: expect.stringMatching(/\w/), text: expect.stringMatching(/\w/) },
  },
  logprobs: {
    ours: {
      messages: story,
      think: false,
      logprobs: true,
      top_logprobs: 5,
      options: { num_predict: 8 },
    },
    direct: { messages: story, ...thinks(false), logprobs: true, top_logprobs: 5, max_tokens: 8 },
    shows: { logprobs: { length: 8 } },
  },
  "a schema": {
    ours: { messages: dog, think: false, format: schema },
    direct: {
      messages: dog,
      ...thinks(false),
      response_format: { type: "json_schema", json_schema: { name: "dog", schema } },
    },
    shows: { text: expect.stringMatching(/^\{.*"size".*\}$/s), finish: "stop" },
  },
  "any JSON": {
    ours: { messages: dog, think: false, format: "json", options: { num_predict: 40 } },
    direct: {
      messages: dog,
      ...thinks(false),
      response_format: { type: "json_object" },
      max_tokens: 40,
    },
    shows: { text: expect.stringMatching(/^\{/) },
  },
  "a call of a tool": {
    ours: { messages: weather, tools },
    direct: { messages: weather, tools },
    shows: { calls: [{ name: "get_weather", arguments: { city: "Paris" } }] },
  },
  "stop sequences": {
    ours: {
      messages: story,
      think: false,
      options: { stop: [",", " who"], num_predict: 24 },
    },
    direct: { messages: story, ...thinks(false), stop: [",", " who"], max_tokens: 24 },
    shows: { text: expect.stringMatching(/^[^,]+$/), finish: "stop" },
  },
  "samplers with a seed": {
    ours: {
      messages: story,
      think: false,
      options: {
        seed: 42,
        temperature: 0.9,
        top_k: 20,
        top_p: 0.8,
        min_p: 0.02,
        repeat_penalty: 1.3,
        num_predict: 40,
      },
    },
    direct: {
      messages: story,
      ...thinks(false),
      seed: 42,
      temperature: 0.9,
      top_k: 20,
      top_p: 0.8,
      min_p: 0.02,
      repeat_penalty: 1.3,
      max_tokens: 40,
    },
    shows: { text: expect.stringMatching(/\w/) },
  },
  "a raw prompt": {
    ours: { prompt: raw, raw: true, options: { num_predict: 40 } },
    direct: { prompt: raw, max_tokens: 40 },
    shows: { text: expect.stringMatching(/\w/) },
  },
  "a raw prompt with a stop sequence": {
    ours: { prompt: raw, raw: true, options: { num_predict: 40, stop: ["2."] } },
    direct: { prompt: raw, max_tokens: 40, stop: ["2."] },
    shows: { text: expect.stringMatching(/\w/), finish: "stop" },
  },
};

describe.each(Object.entries(questions))("%s", (_name, { ours, direct, shows }) => {
  let expected: Answer;
  beforeAll(async () => {
    const path = "prompt" in direct ? "completions" : "chat/completions";
    const body = { model: "smol", temperature: 0, ...direct };
    expected = readCompletion(await postForJson<Completion>(`${model.baseUrl}/${path}`, body));
    expect(expected).toMatchObject(shows);
  });

  test.each([
    ["whole", false],
    ["streamed", true],
  ])("%s", async (_way, stream) => {
    const path = "prompt" in ours ? "generate" : "chat";
    const { options, ...fields } = ours;
    const body = { model: "smol", stream, options: { temperature: 0, ...options }, ...fields };
    const answer = await postForText(`http://${proxy.host}/api/${path}`, body);
    expect(readLines(answer)).toEqual(expected);
    expect(answer.trimEnd().includes("\n")).toBe(stream);
  });
});
