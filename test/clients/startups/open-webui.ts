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
import { chatLines, json, names } from "./readers.ts";
import type { Startup } from "./startup.ts";

const listed = z.object({ name: z.string(), model: z.string(), digest: z.string() });

/** Dates are read by Python's `fromisoformat`. */
const running = z
  .object({
    models: z.array(z.object({ model: z.string(), expires_at: z.iso.datetime({ offset: true }) })),
  })
  .transform(({ models }) => models.map(({ model }) => model));

/** Calls with the same index are joined; counts go through `int()`. */
const line = z.object({
  model: z.string(),
  message: z.object({
    content: z.string(),
    thinking: z.string().optional(),
    tool_calls: z
      .array(
        z.object({
          id: z.string(),
          function: z
            .object({ index: z.int(), name: z.string(), arguments: z.looseObject({}) })
            .transform(({ name, arguments: values }) => ({ name, arguments: values })),
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
const settings = { model: chatModel, stream: true, options: {}, tools: [weatherTool] };

export const openWebUI: Startup = {
  client: "Open WebUI",
  source: "open-webui/open-webui 598282c: backend/open_webui/routers/ollama.py",
  headers: {
    accept: "*/*",
    "accept-encoding": "gzip, deflate, br",
    "content-type": "application/json",
    "user-agent": "Python/3.11 aiohttp/3.12.15",
    "x-openwebui-user-name": "Ann",
    "x-openwebui-user-role": "admin",
  },
  steps: [
    {
      asks: "GET /api/version",
      // Its parts go through `int()`.
      reads: json(z.object({ version: z.string().regex(/^v?\d+(?:\.\d+)*(?:-.*)?$/u) })),
      finds: { version: expect.any(String) },
    },
    { asks: "GET /api/tags", reads: names(listed), finds: allModels },
    { asks: "GET /api/ps", reads: json(running), finds: expect.any(Array) },
    {
      asks: "POST /api/embed",
      body: { model: embeddingModel, input: ["A text"], truncate: true },
      ...isEmbedded,
      reads: json(z.object({ embeddings: z.array(z.array(z.number())) })),
      finds: { embeddings: [[expect.closeTo(0.6), expect.closeTo(0.8)]] },
    },
    { ...chat, body: { ...settings, messages: [question] }, ...isAnsweredByACall },
    {
      ...chat,
      body: {
        ...settings,
        messages: [
          question,
          { role: "assistant", content: "", tool_calls: [{ ...call, id: "call_1", index: 0 }] },
          { role: "tool", tool_call_id: "call_1", content: result },
        ],
      },
      ...isAnsweredAfterTheCall,
    },
    { asks: "GET /api/ps", reads: json(running), finds: expect.arrayContaining([chatModel]) },
    {
      // One JSON document, although it doesn't say `stream`.
      asks: "POST /api/generate",
      body: { model: chatModel, keep_alive: 0, prompt: "" },
      reads: json(z.object({ done: z.literal(true), done_reason: z.string() })),
      finds: { done: true, done_reason: "unload" },
    },
    {
      asks: "GET /api/ps",
      reads: (answer) => json(running)(answer).filter((model) => model === chatModel),
      finds: [],
    },
  ],
};
