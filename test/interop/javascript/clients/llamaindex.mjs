import { Ollama, OllamaEmbedding } from "@llamaindex/ollama";
import { z } from "zod";
import { collect } from "../collect.mjs";
import { pet, tools } from "../tools.mjs";

/** `@llamaindex/ollama` knows no thinking and no images. */
export function llamaindexClient(host, model) {
  const settings = { model, config: { host } };
  const client = new Ollama(settings);

  async function ask({ stream, ...fields }) {
    const answer = await client.chat({ stream, ...fields });
    if (!stream) {
      const { message, raw } = answer;
      return { pieces: 1, text: message.content, calls: message.options?.toolCall ?? [], raw };
    }
    const parts = await collect(answer);
    return {
      pieces: parts.length,
      text: parts.map(({ delta }) => delta).join(""),
      calls: parts.flatMap(({ options }) => options?.toolCall ?? []),
      raw: parts.at(-1).raw,
    };
  }

  return {
    // It sends the results of calls, but never the calls.
    forgetsCalls: true,

    async chat({ question, stream }) {
      const { raw, ...answer } = await ask({ stream, messages: [user(question)] });
      return {
        ...answer,
        usage: { input: raw.prompt_eval_count, output: raw.eval_count },
        finish: raw.done_reason,
      };
    },

    async useTools({ question, stream }) {
      const messages = [user(question)];
      for (;;) {
        const { text, calls } = await ask({ stream, messages, tools: definitions });
        if (calls.length === 0) return { text };
        messages.push({ role: "assistant", content: text, options: { toolCall: calls } });
        for (const { name, input, id } of calls) {
          const result = tools[name].run(input);
          const toolResult = { result, id, isError: false };
          messages.push({ role: "user", content: result, options: { toolResult } });
        }
      }
    },

    async describePet({ question, stream }) {
      const { text } = await ask({ stream, messages: [user(question)], responseFormat: pet });
      return pet.parse(JSON.parse(text));
    },

    embed: (texts) => {
      const embedding = new OllamaEmbedding(settings);
      return Promise.all(texts.map((text) => embedding.getTextEmbedding(text)));
    },

    async complete({ prompt, stream }) {
      const answer = await client.complete({ prompt, stream });
      if (!stream) return answer.text;
      return (await collect(answer)).map(({ text }) => text).join("");
    },
  };
}

const user = (content) => ({ role: "user", content });

const definitions = Object.entries(tools).map(([name, { description, schema }]) => ({
  metadata: { name, description, parameters: z.toJSONSchema(schema) },
}));
