import { expect } from "vitest";
import { z } from "zod";
import { png } from "../proxied.ts";
import { allModels, isAnswered, question, visionModel } from "./backend.ts";
import { chatLines, json, names } from "./readers.ts";
import type { Startup } from "./startup.ts";

/** It takes the second member of what it finds without looking whether it found something. */
const card = z.object({ model_info: z.looseObject({}) }).transform(({ model_info }) => {
  const found = Object.entries(model_info).find(([key]) => key.includes(".context_length"));
  return z.tuple([z.string(), z.number()]).parse(found)[1];
});

const line = z.object({
  created_at: z.string(),
  model: z.string(),
  message: z.object({ role: z.string(), content: z.string() }),
  done: z.boolean(),
  done_reason: z.string().optional(),
  prompt_eval_count: z.int().optional(),
  eval_count: z.int().optional(),
});

const image = `data:image/png;base64,${png}`;

export const smartConnections: Startup = {
  client: "Smart Connections, in Obsidian",
  source: "brianpetro/jsbrains 069140a: smart-chat-model/adapters/ollama.js",
  headers: { origin: "app://obsidian.md" }, // and no content type at all
  steps: [
    {
      asks: "GET /api/tags",
      reads: names(z.object({ name: z.string() })),
      finds: allModels,
      lists: true,
    },
    {
      asks: "POST /api/show",
      body: (model) => ({ model }),
      each: () => true,
      reads: json(card),
      finds: {
        "qwen3-coder:latest": 131_072,
        "google/gemma-3-12b:latest": 32_768,
        "nomic-embed-text:latest": 2048,
      },
    },
    {
      asks: "POST /api/chat",
      body: {
        model: visionModel,
        messages: [{ ...question, images: [image] }],
        options: { num_predict: 3000, temperature: 0.3 },
        stream: true,
      },
      ...isAnswered,
      backendIsSent: {
        messages: [
          {
            role: "user",
            content: expect.arrayContaining([
              { type: "text", text: question.content },
              { type: "image_url", image_url: expect.objectContaining({ url: image }) },
            ]),
          },
        ],
      },
      reads: (answer) => {
        expect(answer.headers["access-control-allow-origin"]).toBe("app://obsidian.md");
        // It reads no further than to the first of these words.
        expect(
          answer.text
            .trimEnd()
            .split("\n")
            .findIndex((text) => text.includes('"done_reason"')),
        ).toBe(answer.text.trimEnd().split("\n").length - 1);
        return chatLines(line)(answer);
      },
    },
  ],
};
