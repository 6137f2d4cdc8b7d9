import { expect } from "vitest";
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

/** Read by pydantic. The model that was chosen must be one of these, letter for letter. */
const listed = z.object({
  model: z.string(),
  modified_at: z.iso.datetime({ offset: true }),
  digest: z.string(),
  size: z.int(),
  details: z.object({
    parent_model: z.string(),
    format: z.string(),
    family: z.string(),
    families: z.array(z.string()),
    parameter_size: z.string(),
    quantization_level: z.string(),
  }),
});

const running = z.object({ models: z.array(z.object({ model: z.string() })) });

/** A number with a fraction is refused; the arguments' items are gone through one by one. */
const line = z.object({
  model: z.string(),
  created_at: z.string(),
  done: z.boolean(),
  done_reason: z.string().optional(),
  total_duration: z.int().optional(),
  load_duration: z.int().optional(),
  prompt_eval_count: z.int().optional(),
  prompt_eval_duration: z.int().optional(),
  eval_count: z.int().optional(),
  eval_duration: z.int().optional(),
  message: z.object({
    role: z.string(),
    content: z.string().optional(),
    thinking: z.string().optional(),
    tool_calls: z
      .array(
        z.object({
          function: z.object({ name: z.string(), arguments: z.record(z.string(), z.unknown()) }),
        }),
      )
      .optional(),
  }),
});

const type = { "content-type": "application/json" };
const chat = { asks: "POST /api/chat", headers: type, reads: chatLines(line) };
const settings = {
  model: chatModel,
  tools: [weatherTool],
  stream: true,
  think: false,
  options: { num_ctx: 8192 },
  keep_alive: -1,
};

export const homeAssistant: Startup = {
  client: "Home Assistant",
  source:
    "home-assistant/core 0d0db90: homeassistant/components/ollama/{config_flow,coordinator,entity}.py",
  headers: {
    accept: "application/json",
    "accept-encoding": "gzip, deflate",
    "user-agent": "ollama-python/0.6.0 (x86_64 linux) Python/3.13.7",
  },
  steps: [
    { asks: "GET /api/tags", reads: names(listed), finds: allModels },
    { asks: "GET /api/ps", reads: json(running), finds: { models: expect.any(Array) } },
    { ...chat, body: { ...settings, messages: [question] }, ...isAnsweredByACall },
    {
      ...chat,
      body: {
        ...settings,
        messages: [
          question,
          { role: "assistant", tool_calls: [call] },
          { role: "tool", content: JSON.stringify({ data: result, error: null }) },
        ],
      },
      ...isAnsweredAfterTheCall,
    },
    {
      // Every 30 seconds from now on.
      asks: "GET /api/ps",
      reads: (answer) => json(running)(answer).models.filter(({ model }) => model === chatModel),
      finds: [{ model: chatModel }],
    },
  ],
};
