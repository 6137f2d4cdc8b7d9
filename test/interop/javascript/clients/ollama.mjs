import { Ollama } from "ollama";
import { z } from "zod";
import { collect } from "../collect.mjs";
import { pet, tools } from "../tools.mjs";

/** Ollama's own package. */
export function ollamaClient(host, model) {
  const client = new Ollama({ host });

  async function ask(messages, { stream, ...fields }) {
    const answer = await client.chat({ model, messages, stream, ...fields });
    const parts = stream ? await collect(answer) : [answer];
    return {
      pieces: parts.length,
      text: join(parts.map(({ message }) => message.content)),
      thinking: join(parts.map(({ message }) => message.thinking)),
      calls: parts.flatMap(({ message }) => message.tool_calls ?? []),
      logprobs: parts.flatMap(({ logprobs }) => logprobs ?? []),
      usage: usageOf(parts.at(-1)),
      finish: parts.at(-1).done_reason,
    };
  }

  async function generate({ stream, ...fields }) {
    const answer = await client.generate({ model, stream, ...fields });
    const parts = stream ? await collect(answer) : [answer];
    return join(parts.map(({ response }) => response));
  }

  return {
    chat: ({ question, stream }) => ask([user(question)], { stream }),

    think: ({ question, stream, think }) => ask([user(question)], { stream, think }),

    look: ({ question, image, stream }) =>
      ask([{ ...user(question), images: [image] }], { stream }),

    async useTools({ question, stream }) {
      const messages = [user(question)];
      for (;;) {
        const { text, calls } = await ask(messages, { stream, tools: definitions });
        if (calls.length === 0) return { text };
        messages.push({ role: "assistant", content: text, tool_calls: calls });
        for (const { function: called } of calls) {
          const content = tools[called.name].run(called.arguments);
          messages.push({ role: "tool", content, tool_name: called.name });
        }
      }
    },

    async describePet({ question, stream }) {
      const format = z.toJSONSchema(pet);
      const { text } = await ask([user(question)], { stream, format });
      return pet.parse(JSON.parse(text));
    },

    show: () => client.show({ model }),

    async embed(texts) {
      const answer = await client.embed({ model, input: texts });
      return answer.embeddings;
    },

    complete: ({ prompt, stream }) => generate({ prompt, stream }),

    insert: ({ prefix, suffix, stream }) => generate({ prompt: prefix, suffix, stream }),

    async logprobs({ question, stream }) {
      const fields = { logprobs: true, top_logprobs: 2 };
      return (await ask([user(question)], { stream, ...fields })).logprobs;
    },
  };
}

const user = (content) => ({ role: "user", content });

const definitions = Object.entries(tools).map(([name, { description, schema }]) => ({
  type: "function",
  function: { name, description, parameters: z.toJSONSchema(schema) },
}));

const join = (texts) => texts.map((text) => text ?? "").join("");

const usageOf = ({ prompt_eval_count, eval_count }) => ({
  input: prompt_eval_count,
  output: eval_count,
});
