import { expect } from "vitest";
import type { ConfigFile } from "../../../src/config/schema.ts";
import { chunk, json, sse, type Script } from "../../support/scripted-upstream.ts";
import type { Said } from "./readers.ts";

/** The three kinds of models that clients treat differently. */
export const models: NonNullable<ConfigFile["models"]> = {
  "qwen3-coder": { capabilities: ["completion", "tools", "insert"], context_length: 131_072 },
  "google/gemma-3-12b": { capabilities: ["completion", "vision"], context_length: 32_768 },
  "nomic-embed-text": { capabilities: ["embedding"], context_length: 2048 },
};

/** As clients see them. */
export const chatModel = "qwen3-coder:latest";
export const visionModel = "google/gemma-3-12b:latest";
export const embeddingModel = "nomic-embed-text:latest";
export const allModels = [chatModel, visionModel, embeddingModel];

/** What every client of them asks in turn. */
export const question = { role: "user", content: "What is the weather in Rome?" };
export const weatherTool = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather of a city",
    parameters: {
      type: "object",
      properties: { city: { type: "string", description: "Its name" } },
      required: ["city"],
    },
  },
};
export const call = { function: { name: "get_weather", arguments: { city: "Rome" } } };
export const result = "22 °C";

const usage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };
const lastEvents = sse({ ...chunk(null), choices: [], usage }, "[DONE]");

/** How OpenAI streams a call: its name first, then its arguments in pieces. */
const callsTheTool: Script = {
  steps: [
    sse(chunk({ role: "assistant", content: null })),
    callPiece(
      { id: "call_0123456789abcdef", type: "function" },
      { name: "get_weather", arguments: "" },
    ),
    callPiece({}, { arguments: '{"city"' }),
    callPiece({}, { arguments: ':"Rome"}' }),
    sse(chunk({}, "tool_calls")),
    lastEvents,
  ],
};

function callPiece(members: object, called: object): string {
  return sse(chunk({ tool_calls: [{ index: 0, ...members, function: called }] }));
}

const answers: Script = {
  steps: [
    sse(chunk({ role: "assistant", content: "" })),
    ...["It is", " warm", " in Rome."].map((content) => sse(chunk({ content }))),
    sse(chunk({}, "stop")),
    lastEvents,
  ],
};

/** The rest of a step in which the model answers a question. */
export const isAnswered = {
  backend: answers,
  backendIsSent: { messages: [question] },
  finds: { text: "It is warm in Rome.", calls: [], finish: "stop", usage: [11, 7] } satisfies Said,
};

/** The rest of a step in which the model calls the tool. */
export const isAnsweredByACall = {
  backend: callsTheTool,
  backendIsSent: { tools: [weatherTool], messages: [question] },
  finds: {
    text: "",
    calls: [{ name: "get_weather", arguments: { city: "Rome" } }],
    finish: "stop",
    usage: [11, 7],
  } satisfies Said,
};

/**
 * The rest of a step in which the model answers after the tool has run. Whatever the client left out,
 * the result comes under the id of its call.
 */
export const isAnsweredAfterTheCall = {
  ...isAnswered,
  backendIsSent: {
    messages: [
      question,
      {
        role: "assistant",
        tool_calls: [
          {
            id: "call 1",
            type: "function",
            function: { name: "get_weather", arguments: '{"city":"Rome"}' },
          },
        ],
      },
      { role: "tool", tool_call_id: "call 1", content: expect.stringContaining(result) },
    ],
  },
};

/** The rest of a step in which the model fills in a gap. */
export const isFilledIn = {
  backend: {
    steps: [
      sse({ ...chunk(null), choices: [{ index: 0, text: "return 1", finish_reason: null }] }),
      sse({ ...chunk(null), choices: [{ index: 0, text: "", finish_reason: "stop" }] }),
      lastEvents,
    ],
  },
};

/** The rest of a step in which a text is embedded. */
export const isEmbedded = {
  backend: json(200, {
    object: "list",
    data: [{ object: "embedding", index: 0, embedding: [0.6, 0.8] }],
    usage: { prompt_tokens: 3, total_tokens: 3 },
  }),
  backendIsSent: { model: "nomic-embed-text", input: ["A text"] },
};
