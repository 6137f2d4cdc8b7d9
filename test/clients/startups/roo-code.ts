import { z } from "zod";
import { allModels, chatModel, isAnsweredByACall, question, weatherTool } from "./backend.ts";
import { chatLines, json, names } from "./readers.ts";
import type { Startup } from "./startup.ts";

const details = z.object({
  family: z.string(),
  families: z.array(z.string()).nullish(),
  format: z.string().optional(),
  parameter_size: z.string(),
  parent_model: z.string().optional(),
  quantization_level: z.string().optional(),
});

/** Checked as a whole: one entry that differs, and no model is found. */
const listed = z.object({
  details,
  digest: z.string().optional(),
  model: z.string(),
  modified_at: z.string().optional(),
  name: z.string(),
  size: z.number().optional(),
});

/** The first key that speaks of a context length counts; a model that calls no tools is hidden. */
const card = z
  .object({ details, model_info: z.looseObject({}), capabilities: z.array(z.string()) })
  .transform(({ model_info, capabilities }) =>
    capabilities.includes("tools")
      ? {
          context: Object.entries(model_info).find(([key]) => key.includes("context_length"))?.[1],
          images: capabilities.includes("vision"),
        }
      : "hidden",
  );

/** Thinking is looked for in the text, between tags. */
const line = z.object({
  message: z.object({
    content: z.string().refine((text) => !text.includes("<think>")),
    tool_calls: z
      .array(z.object({ function: z.object({ name: z.string(), arguments: z.looseObject({}) }) }))
      .optional(),
  }),
  done: z.boolean(),
  done_reason: z.string().optional(),
  prompt_eval_count: z.int().optional(),
  eval_count: z.int().optional(),
});

const fromAxios = {
  accept: "application/json, text/plain, */*",
  "accept-encoding": "gzip, compress, deflate, br",
  "user-agent": "axios/1.12.2",
};

export const rooCode: Startup = {
  client: "Roo Code",
  source: "RooCodeInc/Roo-Code 099cf85: src/api/providers/native-ollama.ts, fetchers/ollama.ts",
  steps: [
    {
      asks: "GET /api/tags",
      headers: fromAxios,
      reads: names(listed),
      finds: allModels,
      lists: true,
    },
    {
      asks: "POST /api/show",
      headers: { ...fromAxios, "content-type": "application/json" },
      body: (model) => ({ model }),
      each: () => true,
      reads: json(card),
      finds: {
        "qwen3-coder:latest": { context: 131_072, images: false },
        "google/gemma-3-12b:latest": "hidden",
        "nomic-embed-text:latest": "hidden",
      },
    },
    {
      asks: "POST /api/chat",
      headers: {
        "content-type": "application/json",
        accept: "application/json",
        "user-agent": "ollama-js/0.5.17 (x64 linux Node.js/v20.19.0)",
      },
      body: {
        model: chatModel,
        messages: [{ role: "system", content: "You are Roo." }, question],
        stream: true,
        options: { temperature: 0 },
        tools: [weatherTool],
      },
      ...isAnsweredByACall,
      backendIsSent: {
        messages: [{ role: "system", content: "You are Roo." }, question],
        tools: [weatherTool],
      },
      reads: chatLines(line),
    },
  ],
};
