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
import { absent, chatLines, expectOk, names, wholeChat } from "./readers.ts";
import type { Startup } from "./startup.ts";

/** Looked for by the name with its tag; dates are read as an `Instant`. */
const listed = z.object({
  name: z.string(),
  model: z.string(),
  modified_at: z.iso.datetime({ offset: true }),
  size: z.int(),
  digest: z.string(),
  details: z.object({
    parent_model: z.string(),
    format: z.string(),
    family: z.string(),
    families: z.array(z.string()),
    parameter_size: z.string(),
    quantization_level: z.string(),
  }),
});

/** Calls of a stream are held until it is done, which is when the reason equals `stop`. */
const answer = z.object({
  model: z.string(),
  created_at: z.iso.datetime({ offset: true }),
  message: z.object({
    role: z.enum(["system", "user", "assistant", "tool"]),
    content: z.string(),
    thinking: z.string().optional(),
    tool_calls: z
      .array(z.object({ function: z.object({ name: z.string(), arguments: z.looseObject({}) }) }))
      .optional(),
  }),
  done: z.boolean(),
  done_reason: z.string().optional(),
  total_duration: z.int().optional(),
  load_duration: z.int().optional(),
  prompt_eval_count: z.int().optional(),
  prompt_eval_duration: z.int().optional(),
  eval_count: z.int().optional(),
  eval_duration: z.int().optional(),
});

const settings = {
  model: chatModel,
  keep_alive: "5m",
  tools: [weatherTool],
  options: { temperature: 0.7 },
};

export const springAI: Startup = {
  client: "Spring AI",
  source:
    "spring-projects/spring-ai fd3fd6e: models/spring-ai-ollama (OllamaApi, OllamaModelManager)",
  headers: { "content-type": "application/json", accept: "application/json" },
  steps: [
    {
      // With the strategy `always`; `when_missing` looks at the list first.
      asks: "POST /api/pull",
      body: { model: chatModel, insecure: false, stream: true },
      reads: (stream) => {
        expectOk(stream, /^application\/x-ndjson$/u);
        const progress = z.object({ status: z.string(), error: absent });
        const lines = stream.text.trimEnd().split("\n");
        return lines.map((line) => progress.parse(JSON.parse(line)).status).at(-1);
      },
      finds: "success",
    },
    { asks: "GET /api/tags", reads: names(listed), finds: allModels },
    {
      asks: "POST /api/chat",
      body: { ...settings, messages: [question], stream: true },
      ...isAnsweredByACall,
      reads: chatLines(answer),
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
        stream: false,
      },
      ...isAnsweredAfterTheCall,
      reads: wholeChat(answer),
    },
  ],
};
