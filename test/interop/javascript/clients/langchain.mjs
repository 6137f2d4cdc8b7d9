import { HumanMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOllama, Ollama, OllamaEmbeddings } from "@langchain/ollama";
import { collect } from "../collect.mjs";
import { pet, tools } from "../tools.mjs";

/** `@langchain/ollama` streams even where its caller wants a whole answer. */
export function langchainClient(host, model) {
  const settings = { baseUrl: `http://${host}`, model, maxRetries: 0 };

  async function ask(runnable, messages, stream) {
    if (!stream) return { message: await runnable.invoke(messages), pieces: 1 };
    const chunks = await collect(await runnable.stream(messages));
    return {
      message: chunks.reduce((whole, chunk) => whole.concat(chunk)),
      pieces: chunks.length,
    };
  }

  async function chat(content, { stream, think }) {
    const chatModel = new ChatOllama({ ...settings, think });
    const { message, pieces } = await ask(chatModel, [new HumanMessage(content)], stream);
    return {
      pieces,
      text: message.text,
      thinking: message.additional_kwargs.reasoning_content ?? "",
      usage: {
        input: message.usage_metadata.input_tokens,
        output: message.usage_metadata.output_tokens,
      },
      finish: message.response_metadata.done_reason,
    };
  }

  return {
    chat: ({ question, stream }) => chat(question, { stream }),

    think: ({ question, stream, think }) => chat(question, { stream, think }),

    look({ question, image, stream }) {
      const url = `data:image/png;base64,${image}`;
      const content = [
        { type: "text", text: question },
        { type: "image_url", image_url: { url } },
      ];
      return chat(content, { stream });
    },

    async useTools({ question, stream }) {
      const withTools = new ChatOllama(settings).bindTools(Object.values(functions));
      const messages = [new HumanMessage(question)];
      for (;;) {
        const { message } = await ask(withTools, messages, stream);
        if (message.tool_calls.length === 0) return { text: message.text };
        messages.push(message);
        for (const call of message.tool_calls) {
          messages.push(await functions[call.name].invoke(call));
        }
      }
    },

    async describePet({ question, stream }) {
      const describing = new ChatOllama(settings).withStructuredOutput(pet);
      if (!stream) return describing.invoke(question);
      return (await collect(await describing.stream(question))).at(-1);
    },

    embed: (texts) => new OllamaEmbeddings(settings).embedDocuments(texts),

    async complete({ prompt, stream }) {
      const completing = new Ollama(settings);
      if (!stream) return completing.invoke(prompt);
      return (await collect(await completing.stream(prompt))).join("");
    },
  };
}

const functions = Object.fromEntries(
  Object.entries(tools).map(([name, { description, schema, run }]) => [
    name,
    tool(run, { name, description, schema }),
  ]),
);
