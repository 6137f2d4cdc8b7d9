import { embedMany, generateText, Output, stepCountIs, streamText, tool } from "ai";
import { createOllama as createAiSdkOllama } from "ai-sdk-ollama";
import { createOllama as createAiProvider } from "ollama-ai-provider-v2";
import { collect } from "../collect.mjs";
import { pet, tools } from "../tools.mjs";

/** Vercel's AI SDK with `ai-sdk-ollama`, which is built upon Ollama's own package. */
export function aiSdkOllamaClient(host, model) {
  const provider = createAiSdkOllama({ baseURL: `http://${host}` });
  return aiSdkClient({
    chatModel: (think) => ({ model: provider(model, { think }) }),
    embeddingModel: provider.embedding(model),
  });
}

/** Vercel's AI SDK with `ollama-ai-provider-v2`, which reads the API by itself. */
export function aiProviderClient(host, model) {
  const provider = createAiProvider({ baseURL: `http://${host}/api` });
  return {
    ...aiSdkClient({
      chatModel: (think) => ({ model: provider(model), providerOptions: { ollama: { think } } }),
      embeddingModel: provider.embedding(model),
    }),

    // Whole only: of a stream it takes no line without a `context`, which only the last one has.
    async insert({ prefix, suffix }) {
      const inserting = provider.completion(model, { suffix });
      return (await generateText({ model: inserting, prompt: prefix, maxRetries: 0 })).text;
    },
  };
}

function aiSdkClient({ chatModel, embeddingModel }) {
  async function ask({ stream, think, ...fields }) {
    const request = { ...chatModel(think), ...fields, maxRetries: 0 };
    if (!stream) return generateText(request);
    let failure;
    const answer = streamText({ ...request, onError: ({ error }) => (failure = error) });
    const pieces = await collect(answer.textStream);
    if (failure !== undefined) throw failure;
    return {
      pieces: pieces.length,
      text: pieces.join(""),
      reasoningText: await answer.reasoningText,
      output: await answer.output,
      usage: await answer.totalUsage,
      finishReason: await answer.finishReason,
    };
  }

  async function chat(content, { stream, think }) {
    const answer = await ask({ stream, think, messages: [{ role: "user", content }] });
    return {
      pieces: answer.pieces ?? 1,
      text: answer.text,
      thinking: answer.reasoningText ?? "",
      usage: usageOf(answer.usage),
      finish: answer.finishReason,
    };
  }

  return {
    chat: ({ question, stream }) => chat(question, { stream }),

    think: ({ question, stream, think }) => chat(question, { stream, think }),

    look({ question, image, stream }) {
      const content = [
        { type: "text", text: question },
        { type: "image", image },
      ];
      return chat(content, { stream });
    },

    useTools: ({ question, stream }) =>
      ask({ stream, prompt: question, tools: functions, stopWhen: stepCountIs(5) }),

    async describePet({ question, stream }) {
      const output = Output.object({ schema: pet });
      return (await ask({ stream, prompt: question, output })).output;
    },

    async embed(values) {
      return (await embedMany({ model: embeddingModel, values, maxRetries: 0 })).embeddings;
    },
  };
}

const functions = Object.fromEntries(
  Object.entries(tools).map(([name, { description, schema, run }]) => [
    name,
    tool({ description, inputSchema: schema, execute: run }),
  ]),
);

const usageOf = ({ inputTokens, outputTokens }) => ({ input: inputTokens, output: outputTokens });
