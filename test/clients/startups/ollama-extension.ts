import { z } from "zod";
import {
  allModels,
  call,
  chatModel,
  isAnsweredAfterTheCall,
  isAnsweredByACall,
  question,
  result,
  weatherTool,
} from "./backend.ts";
import { absent, chatLines, json, names } from "./readers.ts";
import type { Startup } from "./startup.ts";

const listed = z.object({
  name: z.string(),
  model: z.string(),
  remote_host: absent, // a model with one is taken for a model in Ollama's cloud
});

/** The context window is looked for in the parameters first. */
const card = z
  .object({
    parameters: z.string(),
    capabilities: z.array(z.string()),
    model_info: z.looseObject({ "general.architecture": z.string() }),
    details: z.object({ family: z.string() }),
  })
  .transform(({ parameters, capabilities, model_info }) => ({
    context: [
      Number(/^num_ctx\s+(?<tokens>\d+)$/mu.exec(parameters)?.groups?.["tokens"]),
      model_info[`${model_info["general.architecture"]}.context_length`],
    ],
    tools: capabilities.includes("tools"),
    vision: capabilities.includes("vision"),
  }));

/** Usage is shown only where both counts are whole numbers. */
const line = z.object({
  message: z.object({
    content: z.string(),
    tool_calls: z
      .array(
        z.object({
          id: z.string(),
          function: z.object({ name: z.string(), arguments: z.record(z.string(), z.unknown()) }),
        }),
      )
      .optional(),
  }),
  done: z.boolean(),
  done_reason: z.string().optional(),
  prompt_eval_count: z.int().optional(),
  eval_count: z.int().optional(),
});

const chat = { asks: "POST /api/chat", reads: chatLines(line) };
const settings = { model: chatModel, stream: true, tools: [weatherTool] };

export const ollamaExtension: Startup = {
  client: "Ollama's extension for VS Code",
  source:
    "ollama/ollama-vscode 0050eff: src/provider.ts, src/recommendations.ts, src/contextLength.ts",
  headers: {
    "content-type": "application/json",
    accept: "application/json",
    "user-agent": "ollama-js/0.6.4 (x64 linux Node.js/v22.20.0)",
  },
  steps: [
    {
      asks: "GET /api/version",
      reads: json(z.object({ version: z.string() })),
      finds: { version: "0.34.4" },
    },
    { asks: "GET /api/tags", reads: names(listed), finds: allModels, lists: true },
    {
      asks: "GET /api/experimental/model-recommendations",
      reads: json(
        z
          .object({ recommendations: z.array(z.object({ model: z.string() })) })
          .transform(({ recommendations }) =>
            recommendations.filter(({ model }) => !allModels.includes(model)),
          ),
      ),
      finds: [], // it would tell the user to get what isn't there
    },
    {
      asks: "POST /api/show",
      body: (model) => ({ model }),
      each: () => true,
      reads: json(card),
      finds: {
        "qwen3-coder:latest": { context: [131_072, 131_072], tools: true, vision: false },
        "google/gemma-3-12b:latest": { context: [32_768, 32_768], tools: false, vision: true },
        "nomic-embed-text:latest": { context: [2048, 2048], tools: false, vision: false },
      },
    },
    { ...chat, body: { ...settings, messages: [question] }, ...isAnsweredByACall },
    {
      // Asked again and again during each chat; it warns of a window under 65,536 tokens.
      asks: "GET /api/ps",
      reads: json(
        z
          .object({
            models: z.array(
              z.object({ name: z.string(), model: z.string(), context_length: z.int().positive() }),
            ),
          })
          .transform(({ models }) => models.find(({ model }) => model === chatModel)),
      ),
      finds: { name: chatModel, model: chatModel, context_length: 131_072 },
    },
    {
      ...chat,
      body: {
        ...settings,
        messages: [
          question,
          { role: "assistant", content: "", tool_calls: [{ id: "a-uuid", ...call }] },
          { role: "tool", tool_call_id: "a-uuid", content: result },
        ],
      },
      ...isAnsweredAfterTheCall,
    },
  ],
};
