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
import { names, text, wholeChat } from "./readers.ts";
import type { Startup } from "./startup.ts";

const answer = z.object({
  message: z.object({
    role: z.string(),
    content: z.string(),
    tool_calls: z
      .array(z.object({ function: z.object({ name: z.string(), arguments: z.looseObject({}) }) }))
      .optional(),
  }),
  done: z.boolean(),
  done_reason: z.string(),
  prompt_eval_count: z.int(),
  eval_count: z.int(),
});

const chat = { asks: "POST /api/chat", reads: wholeChat(answer) };
const settings = {
  model: chatModel,
  stream: false,
  tools: [weatherTool],
  options: {
    temperature: 0.8,
    keep_alive: "5m",
    format: "",
    low_vram: false,
    penalize_newline: true,
  },
};

export const n8n: Startup = {
  client: "n8n",
  source: "n8n-io/n8n 0323667: packages/@n8n/nodes-langchain/nodes/vendors/Ollama",
  headers: {
    accept: "application/json",
    "content-type": "application/json",
    "user-agent": "axios/1.12.0",
  },
  steps: [
    { asks: "GET /", reads: text, finds: "Ollama is running" }, // tests the credentials
    { asks: "GET /api/tags", reads: names(z.object({ name: z.string() })), finds: allModels },
    { ...chat, body: { ...settings, messages: [question] }, ...isAnsweredByACall },
    {
      ...chat,
      body: {
        ...settings,
        messages: [
          question,
          // Sent back as it came.
          {
            role: "assistant",
            content: "",
            tool_calls: [{ function: { index: 0, ...call.function }, id: "call_0123456789abcdef" }],
          },
          { role: "tool", content: result, tool_name: "get_weather" },
        ],
      },
      ...isAnsweredAfterTheCall,
    },
  ],
};
