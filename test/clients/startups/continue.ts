import { z } from "zod";
import {
  allModels,
  chatModel,
  isAnswered,
  isAnsweredByACall,
  isFilledIn,
  question,
  weatherTool,
} from "./backend.ts";
import { absent, chatLines, expectOk, json, names, wholeChat } from "./readers.ts";
import type { Startup } from "./startup.ts";

/** A line of the parameters that doesn't match ends the reading before the template is looked at. */
const parameterLine = /^(?<name>\S+)\s+(?<value>".*"|\S+)$/u;

const card = z
  .object({ parameters: z.string(), template: z.string() })
  .transform(({ parameters, template }) => {
    const pairs = parameters.split("\n").map((line) => {
      const { name, value } = z.looseObject({}).parse(parameterLine.exec(line)?.groups);
      return [name, value];
    });
    const { num_ctx } = Object.fromEntries(pairs) as { num_ctx?: string };
    return { context: Number(num_ctx), fillsIn: template.includes(".Suffix") };
  });

const answer = z.object({
  message: z.object({
    role: z.literal("assistant"), // it throws at `tool`
    content: z.string(),
    tool_calls: z
      .array(z.object({ function: z.object({ name: z.string(), arguments: z.looseObject({}) }) }))
      .optional(),
  }),
  done: z.boolean(),
  done_reason: z.string().optional(),
  prompt_eval_count: z.int().optional(),
  eval_count: z.int().optional(),
  error: absent,
});

const settings = {
  model: chatModel,
  options: { num_predict: 4096, num_ctx: 131_072, stop: [] },
  keep_alive: 1800,
};

export const continueExtension: Startup = {
  client: "Continue",
  source: "continuedev/continue 94a5351: core/llm/llms/Ollama.ts",
  headers: { "content-type": "application/json" },
  steps: [
    {
      asks: "GET /api/tags",
      reads: names(z.object({ name: z.string() })),
      finds: allModels,
      lists: true,
    },
    {
      asks: "POST /api/show",
      body: (name) => ({ name }),
      each: () => true,
      reads: json(card),
      finds: {
        "qwen3-coder:latest": { context: 131_072, fillsIn: true },
        "google/gemma-3-12b:latest": { context: 32_768, fillsIn: false },
        "nomic-embed-text:latest": { context: 2048, fillsIn: false },
      },
    },
    {
      asks: "POST /api/chat",
      body: { ...settings, messages: [question], stream: true },
      ...isAnswered,
      reads: chatLines(answer),
    },
    {
      asks: "POST /api/chat",
      body: { ...settings, messages: [question], stream: false, tools: [weatherTool] },
      ...isAnsweredByACall,
      reads: wholeChat(answer),
    },
    {
      asks: "POST /api/generate",
      body: { ...settings, prompt: "def one():\n", suffix: "\n", raw: true, stream: true },
      ...isFilledIn,
      backendIsSent: { prompt: "def one():\n", suffix: "\n" },
      reads: (streamed) => {
        expectOk(streamed, /^application\/x-ndjson$/u);
        const lines = streamed.text.trimEnd().split("\n");
        const line = z.object({ response: z.string(), error: absent });
        return lines.map((text) => line.parse(JSON.parse(text)).response).join("");
      },
      finds: "return 1",
    },
  ],
};
