// The two ways to ask for the same answer: the bare pipe is spoken to as the backend is, the proxy
// as an Ollama server.

/**
 * What a line of an answer says. An `end` is the sign that the answer is whole.
 *
 * @typedef {{ text: string | undefined, end: boolean }} Reading
 */

/**
 * @typedef {{
 *   path: string,
 *   body: (model: string, stream: boolean) => object,
 *   read: (line: string) => Reading,
 * }} Front
 */

const messages = [{ role: "user", content: "Say something that streams well." }];

/** @satisfies {Record<string, Front>} */
export const fronts = {
  openai: {
    path: "/v1/chat/completions",
    body: (model, stream) => ({
      model,
      messages,
      stream,
      ...(stream ? { stream_options: { include_usage: true } } : {}),
    }),
    read(line) {
      const isEvent = line.startsWith("data: ");
      if (isEvent && line.endsWith("[DONE]")) return { text: undefined, end: true };
      const choice = JSON.parse(isEvent ? line.slice(6) : line).choices[0];
      // An answer that isn't streamed is whole when its JSON is.
      return { text: (choice?.delta ?? choice?.message)?.content, end: !isEvent };
    },
  },

  ollama: {
    path: "/api/chat",
    body: (model, stream) => ({ model, messages, stream }),
    read(line) {
      const { message, done, error } = JSON.parse(line);
      if (error !== undefined) throw new Error(`the proxy says: ${error}`);
      return { text: message.content, end: done };
    },
  },
};
