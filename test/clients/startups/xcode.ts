import { expect } from "vitest";
import { z } from "zod";
import { chatModel, isAnswered, question } from "./backend.ts";
import { chatEvents, json } from "./readers.ts";
import type { Startup } from "./startup.ts";

export const xcode: Startup = {
  client: "Xcode",
  source: "Ollama's documentation of Xcode (docs/integrations/xcode.mdx), ai-forever/gpt2giga#28",
  steps: [
    {
      asks: "GET /v1/models?", // with its question mark
      reads: json(
        z
          .object({ data: z.array(z.object({ id: z.string(), object: z.literal("model") })) })
          .transform(({ data }) => data.map(({ id }) => id)),
      ),
      finds: expect.arrayContaining([expect.stringMatching(/^qwen3-coder(?::latest)?$/u)]),
    },
    {
      asks: "POST /v1/chat/completions",
      headers: { "content-type": "application/json" },
      body: {
        model: chatModel,
        messages: [question],
        stream: true,
        stream_options: { include_usage: true },
      },
      ...isAnswered,
      reads: chatEvents,
    },
  ],
};
