import { expect } from "vitest";
import { z } from "zod";
import {
  allModels,
  call,
  chatModel,
  embeddingModel,
  isAnsweredAfterTheCall,
  isAnsweredByACall,
  isEmbedded,
  question,
  result,
  weatherTool,
} from "./backend.ts";
import { chatLines, json, names, text } from "./readers.ts";
import type { Startup } from "./startup.ts";

const details = z.object({
  parent_model: z.string(),
  format: z.string(),
  family: z.string(),
  families: z.array(z.string()),
  parameter_size: z.string(),
  quantization_level: z.string(),
});

/** Neither a fraction nor null is a `long`, and a date must be one. */
const listed = z.object({
  name: z.string(),
  modified_at: z.iso.datetime({ offset: true }),
  size: z.int(),
  digest: z.string(),
  details,
});

const card = z
  .object({
    license: z.string().optional(),
    modelfile: z.string().optional(),
    parameters: z.string().optional(),
    template: z.string().optional(),
    system: z.string().optional(),
    details,
    model_info: z.looseObject({
      "general.architecture": z.string(),
      "general.parameter_count": z.int().optional(),
    }),
    capabilities: z.array(z.string()),
  })
  .transform(({ capabilities }) => capabilities);

/** The figures of the last line are no nullable numbers. */
const line = z.discriminatedUnion("done", [
  z.object({
    done: z.literal(false),
    model: z.string(),
    created_at: z.string(),
    message: message(),
  }),
  z.object({
    done: z.literal(true),
    model: z.string(),
    created_at: z.string(),
    message: message(),
    done_reason: z.string(),
    total_duration: z.int(),
    load_duration: z.int(),
    prompt_eval_count: z.int(),
    prompt_eval_duration: z.int(),
    eval_count: z.int(),
    eval_duration: z.int(),
  }),
]);

function message() {
  return z.object({
    role: z.enum(["system", "user", "assistant", "tool"]),
    content: z.string(),
    thinking: z.string().optional(),
    tool_calls: z
      .array(z.object({ function: z.object({ name: z.string(), arguments: z.looseObject({}) }) }))
      .optional(),
  });
}

const chat = { asks: "POST /api/chat", reads: chatLines(line) };
const settings = { model: chatModel, stream: true, options: {}, tools: [weatherTool] };

export const ollamaSharp: Startup = {
  client: "OllamaSharp and Semantic Kernel",
  source: "awaescher/OllamaSharp 6ef00f4: src/OllamaSharp/{OllamaApiClient,Models}",
  headers: { "content-type": "application/json; charset=utf-8" },
  steps: [
    { asks: "GET /", reads: text, finds: "Ollama is running" },
    {
      asks: "GET /api/version",
      reads: json(z.object({ version: z.string().regex(/^\d+(?:\.\d+){1,3}$/u) })),
      finds: { version: "0.34.4" },
    },
    { asks: "GET /api/tags", reads: names(listed), finds: allModels, lists: true },
    {
      asks: "POST /api/show",
      body: (model) => ({ model }),
      each: () => true,
      reads: json(card),
      finds: {
        "qwen3-coder:latest": expect.arrayContaining(["completion", "tools"]),
        "google/gemma-3-12b:latest": expect.arrayContaining(["completion", "vision"]),
        "nomic-embed-text:latest": ["embedding"],
      },
    },
    { ...chat, body: { ...settings, messages: [question] }, ...isAnsweredByACall },
    {
      ...chat,
      body: {
        ...settings,
        messages: [
          question,
          { role: "assistant", content: "", tool_calls: [call] },
          { role: "tool", content: JSON.stringify({ CallId: "1", Result: result }) },
        ],
      },
      ...isAnsweredAfterTheCall,
    },
    {
      asks: "POST /api/embed",
      body: { model: embeddingModel, input: ["A text"] },
      ...isEmbedded,
      reads: json(
        z.object({
          embeddings: z.array(z.array(z.number())),
          total_duration: z.int(),
          load_duration: z.int(),
          prompt_eval_count: z.int(),
        }),
      ),
      finds: {
        embeddings: [[expect.closeTo(0.6), expect.closeTo(0.8)]],
        total_duration: expect.any(Number),
        load_duration: expect.any(Number),
        prompt_eval_count: 3,
      },
    },
  ],
};
