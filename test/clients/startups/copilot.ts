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
import { chatEvents, json, names } from "./readers.ts";
import type { Startup } from "./startup.ts";

const isAtLeast = (minimum: string) => (version: string) =>
  version.localeCompare(minimum, "en", { numeric: true }) >= 0;

/** It calls `includes` on the capabilities unasked; the base name is what the picker shows. */
const card = z
  .object({
    capabilities: z.array(z.string()),
    model_info: z.looseObject({
      "general.architecture": z.string(),
      "general.basename": z.string(),
    }),
  })
  .transform(({ capabilities, model_info }) => ({
    name: model_info["general.basename"],
    context: model_info[`${model_info["general.architecture"]}.context_length`],
    tools: capabilities.includes("tools"),
    vision: capabilities.includes("vision"),
  }));

const type = { "content-type": "application/json" };
const chat = {
  asks: "POST /v1/chat/completions",
  headers: { ...type, authorization: "Bearer " },
  reads: chatEvents,
};
const settings = {
  model: chatModel,
  stream: true,
  stream_options: { include_usage: true },
  temperature: 0.1,
  tools: [weatherTool],
};
const openAICall = {
  id: "call_0123456789abcdef",
  type: "function",
  function: { ...call.function, arguments: JSON.stringify(call.function.arguments) },
};

export const copilot: Startup = {
  client: "GitHub Copilot, bring your own key",
  source: "microsoft/vscode-copilot-chat 31acd00: src/extension/byok/vscode-node/ollamaProvider.ts",
  headers: { "user-agent": "GitHubCopilotChat/0.42.0" },
  steps: [
    {
      asks: "GET /api/version",
      reads: json(z.object({ version: z.string().refine(isAtLeast("0.6.4")) })),
      finds: { version: expect.any(String) },
    },
    {
      asks: "GET /api/tags",
      reads: names(z.object({ model: z.string() })),
      finds: allModels,
      lists: true,
    },
    {
      asks: "POST /api/show",
      headers: type,
      body: (model) => ({ model }),
      each: () => true,
      reads: json(card),
      finds: {
        "qwen3-coder:latest": {
          name: expect.stringContaining("qwen3-coder"),
          context: 131_072,
          tools: true,
          vision: false,
        },
        "google/gemma-3-12b:latest": {
          name: expect.stringContaining("gemma-3-12b"),
          context: 32_768,
          tools: false,
          vision: true,
        },
        "nomic-embed-text:latest": {
          name: expect.stringContaining("nomic-embed-text"),
          context: 2048,
          tools: false,
          vision: false,
        },
      },
    },
    {
      ...chat,
      body: { ...settings, messages: [question] },
      ...isAnsweredByACall,
      finds: { ...isAnsweredByACall.finds, finish: "tool_calls" },
    },
    {
      ...chat,
      body: {
        ...settings,
        messages: [
          question,
          { role: "assistant", content: "", tool_calls: [openAICall] },
          { role: "tool", tool_call_id: openAICall.id, content: result },
        ],
      },
      ...isAnsweredAfterTheCall,
    },
  ],
};
