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
import { absent, chatLines, json, names, wholeChat } from "./readers.ts";
import type { Startup } from "./startup.ts";

const details = z.object({
  format: z.string(),
  family: z.string(),
  families: z.array(z.string()).nullish(),
  parameter_size: z.string(),
  quantization_level: z.string().nullish(),
});

/** One entry without one of these, and there is no list. */
const listed = z.object({
  name: z.string(),
  model: z.string(),
  size: z.int(),
  modified_at: z.string(),
  digest: z.string(),
  details: details.nullish(),
});

/** A word that it doesn't know is a failure, and empties the list too. */
const card = z
  .object({
    modelfile: z.string().nullish(),
    parameters: z.string().nullish(),
    template: z.string().nullish(),
    details: details.nullish(),
    model_info: z.looseObject({}).nullish(),
    capabilities: z.array(
      z.enum(["audio", "completion", "embedding", "insert", "vision", "thinking", "tools"]),
    ),
  })
  .transform(({ capabilities }) => capabilities);

const answer = z.object({
  model: z.string(),
  message: z.object({
    role: z.string(),
    content: z.string(),
    tool_calls: z
      .array(z.object({ function: z.object({ name: z.string(), arguments: z.unknown() }) }))
      .optional(),
  }),
  done: z.boolean(),
  done_reason: z.string().optional(),
  prompt_eval_count: z.int().optional(),
  eval_count: z.int().optional(),
  error: absent,
});

const settings = { model: chatModel, options: { temperature: 0.5 }, tools: [weatherTool] };

export const koog: Startup = {
  client: "Koog by JetBrains",
  source: "JetBrains/koog 2b58724, cfd6a79: prompt-executor-ollama-client, client/dto",
  headers: {
    accept: "application/json",
    "accept-charset": "UTF-8",
    "content-type": "application/json",
    "user-agent": "ktor-client",
  },
  steps: [
    { asks: "GET /api/tags", reads: names(listed), finds: allModels, lists: true },
    {
      asks: "POST /api/show",
      body: (name) => ({ name }),
      each: () => true,
      reads: json(card),
      finds: {
        "qwen3-coder:latest": expect.arrayContaining(["completion", "tools"]),
        "google/gemma-3-12b:latest": expect.arrayContaining(["completion", "vision"]),
        "nomic-embed-text:latest": ["embedding"],
      },
    },
    {
      asks: "POST /api/pull",
      body: { name: chatModel, stream: false },
      reads: json(z.object({ status: z.string(), error: absent })),
      finds: { status: expect.stringContaining("success") },
    },
    {
      asks: "POST /api/chat",
      body: { ...settings, messages: [question], stream: false },
      ...isAnsweredByACall,
      reads: wholeChat(answer),
    },
    {
      asks: "POST /api/chat",
      body: {
        ...settings,
        messages: [
          question,
          { role: "assistant", content: "", tool_calls: [call] },
          { role: "tool", content: result },
        ],
        stream: true,
      },
      ...isAnsweredAfterTheCall,
      reads: chatLines(answer),
    },
    {
      asks: "POST /api/embeddings",
      body: { model: embeddingModel, prompt: "A text" },
      ...isEmbedded,
      reads: json(z.object({ embedding: z.array(z.number()) })),
      finds: { embedding: [expect.closeTo(0.6), expect.closeTo(0.8)] },
    },
  ],
};
