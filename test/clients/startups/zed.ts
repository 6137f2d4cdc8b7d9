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
import { chatLines, json, names } from "./readers.ts";
import type { Startup } from "./startup.ts";

/** Read by serde: one entry without one of these, and the list stays empty. */
const listed = z.object({
  name: z.string(),
  modified_at: z.string(),
  size: z.int().nonnegative(),
  digest: z.string(),
  details: z.object({
    format: z.string(),
    family: z.string(),
    families: z.array(z.string()).nullish(),
    parameter_size: z.string(),
    quantization_level: z.string(),
  }),
});

/** A model whose card can't be read empties the list as well. */
const card = z
  .object({ capabilities: z.array(z.string()).default([]) })
  .transform(({ capabilities }) => ({
    tools: capabilities.includes("tools"),
    vision: capabilities.includes("vision"),
    thinking: capabilities.includes("thinking"),
  }));

const line = z.object({
  model: z.string(),
  created_at: z.string(),
  message: z.object({
    role: z.enum(["assistant", "user", "system", "tool"]),
    content: z.string(),
    tool_calls: z
      .array(
        z.object({
          id: z.string().optional(),
          function: z.object({ name: z.string(), arguments: z.unknown() }),
        }),
      )
      .optional(),
    thinking: z.string().optional(),
  }),
  done_reason: z.string().optional(),
  done: z.boolean(),
  prompt_eval_count: z.int().nonnegative().optional(),
  eval_count: z.int().nonnegative().optional(),
});

const type = { "content-type": "application/json" };
const chat = { asks: "POST /api/chat", headers: type, reads: chatLines(line) };
const settings = {
  model: chatModel,
  stream: true,
  keep_alive: -1,
  options: { num_ctx: 16_384, num_predict: null, stop: [], temperature: 1, top_p: null },
  tools: [weatherTool],
  think: null,
};

export const zed: Startup = {
  client: "Zed",
  source: "zed-industries/zed 0138cb1: crates/ollama/src/ollama.rs",
  steps: [
    {
      asks: "GET /api/tags",
      headers: { accept: "application/json" },
      reads: names(listed),
      finds: allModels,
      lists: true,
    },
    {
      asks: "POST /api/show",
      headers: type,
      body: (model) => ({ model }),
      each: (model) => !model.includes("-embed"),
      reads: json(card),
      finds: {
        "qwen3-coder:latest": { tools: true, vision: false, thinking: false },
        "google/gemma-3-12b:latest": { tools: false, vision: true, thinking: false },
      },
    },
    { ...chat, body: { ...settings, messages: [question] }, ...isAnsweredByACall },
    {
      ...chat,
      body: {
        ...settings,
        messages: [
          question,
          { role: "assistant", content: "", tool_calls: [call], thinking: null },
          { role: "tool", tool_name: "get_weather", content: result },
        ],
      },
      ...isAnsweredAfterTheCall,
    },
  ],
};
