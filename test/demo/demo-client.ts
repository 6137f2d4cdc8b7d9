import OpenAI from "openai";
import { afterAll, beforeAll } from "vitest";
import { startDemoBackend, type DemoBackend } from "../../src/demo/demo-backend.ts";

export type Chunk = OpenAI.ChatCompletionChunk;
export type ChatRequest = Omit<OpenAI.ChatCompletionCreateParamsNonStreaming, "model" | "stream">;

/** One demo backend for the tests of a file, and the official client connected to it. */
export function useDemoBackend() {
  let backend: DemoBackend;
  let client: OpenAI;

  beforeAll(async () => {
    backend = await startDemoBackend({ pace: 0 });
    client = new OpenAI({ baseURL: backend.baseUrl, apiKey: "none", maxRetries: 0 });
  });
  afterAll(() => backend.close());

  return {
    getClient: () => client,
    getBaseUrl: () => backend.baseUrl,

    askChat: (request: ChatRequest) =>
      client.chat.completions.create({ model: "demo", ...request }),

    streamChat: async (request: ChatRequest): Promise<Chunk[]> => {
      const chunks: Chunk[] = [];
      const stream = await client.chat.completions.create({
        model: "demo",
        ...request,
        stream: true,
      });
      for await (const chunk of stream) chunks.push(chunk);
      return chunks;
    },
  };
}

export function user(content: string): OpenAI.ChatCompletionUserMessageParam {
  return { role: "user", content };
}

export function joinContent(chunks: readonly Chunk[]): string {
  return chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");
}

/** The deltas' `reasoning_content`, which OpenAI's own types do not know. */
export function reasoningOf(value: object | undefined): string | undefined {
  return value !== undefined && "reasoning_content" in value
    ? String(value.reasoning_content)
    : undefined;
}

export function finishReasonOf(chunks: readonly Chunk[]): string | null | undefined {
  return chunks.findLast(({ choices }) => choices.length > 0)?.choices[0]?.finish_reason;
}
