import { isDeepStrictEqual } from "node:util";
import { chat, type Feature, type Reached } from "./feature.ts";
import type { HeardMessage } from "../players/backend.ts";

const png =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
const webp = Buffer.from(
  "RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0",
  "latin1",
);
const wave = Buffer.from(
  "RIFF\x26\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x02\0\0\0\0\0",
  "latin1",
);

const tool = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather of a city",
    parameters: {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
    },
  },
};

const callFor = (city: string) => ({ function: { name: "get_weather", arguments: { city } } });

function toolCalls(name: string, cities: readonly string[]): Feature {
  const messages = [{ role: "user", content: `The weather of ${cities.join(" and ")}?` }];
  const expected = cities.map((city) => callFor(city).function);
  const feature = chat(name, { messages, tools: [tool] }, ["tools"], ({ client }) =>
    isDeepStrictEqual(client.calls, expected) ? "works" : undefined,
  );
  return { ...feature, text: "" };
}

/** Two calls of one tool, and their results without ids, as Ollama's clients send them. */
const results = chat(
  "tool results",
  {
    messages: [
      { role: "user", content: "The weather of Paris and Oslo?" },
      { role: "assistant", content: "", tool_calls: [callFor("Paris"), callFor("Oslo")] },
      { role: "tool", tool_name: "get_weather", content: "Paris: sunny" },
      { role: "tool", tool_name: "get_weather", content: "Oslo: snow" },
    ],
    tools: [tool],
  },
  ["tools"],
  ({ heard }) => {
    const calls = heard?.messages.flatMap((message) => message.calls) ?? [];
    const told = heard?.messages.filter(({ role }) => role === "tool") ?? [];
    const cities = told.map(({ resultOf }) => calls.find(({ id }) => id === resultOf)?.arguments);
    const paired = isDeepStrictEqual(cities, [{ city: "Paris" }, { city: "Oslo" }]);
    return paired && told[1]?.text === "Oslo: snow" ? "works" : undefined;
  },
);

function image(name: string, base64: string, mediaType: string): Feature {
  const messages = [{ role: "user", content: "What is this?", images: [base64] }];
  return chat(name, { messages }, ["images", "messages.images"], ({ heard }) => {
    const seen = heard?.messages.flatMap((message) => message.images) ?? [];
    if (isDeepStrictEqual(seen, [{ mediaType, base64 }])) return "works";
    return seen.length === 1 ? "approximated" : undefined;
  });
}

const audio = chat(
  "audio",
  {
    messages: [{ role: "user", content: "What is said?", images: [wave.toString("base64")] }],
  },
  ["images", "messages.images"],
  ({ heard }) =>
    heard?.messages[0]?.audio[0]?.base64 === wave.toString("base64") ? "works" : undefined,
);

const thoughts = chat(
  "earlier thoughts",
  {
    messages: [
      { role: "user", content: "Hello" },
      { role: "assistant", content: "Hi!", thinking: "A greeting." },
      { role: "user", content: "Why is the sky blue?" },
    ],
  },
  ["messages.thinking"],
  ({ heard }) => (heard?.messages[1]?.thoughts === "A greeting." ? "works" : undefined),
);

/** All words arrive; they work as they are, or in other roles. */
function conversation(
  name: string,
  turns: readonly (readonly [role: string, content: string])[],
): Feature {
  const messages = turns.map(([role, content]) => ({ role, content }));
  return chat(name, { messages }, [], ({ heard }) => arrived(turns, heard?.messages ?? []));
}

function arrived(
  turns: readonly (readonly [role: string, content: string])[],
  heard: readonly HeardMessage[],
): Reached {
  const told = heard.map(({ role, text }) => [role === "developer" ? "system" : role, text]);
  if (isDeepStrictEqual(told, turns)) return "works";
  const words = heard.map(({ text }) => text).join("\n");
  return turns.every(([, content]) => words.includes(content)) ? "approximated" : undefined;
}

const prefill: Feature = {
  ...chat(
    "last message of the assistant is continued",
    {
      messages: [
        { role: "user", content: "Why is the sky blue?" },
        { role: "assistant", content: "The sky" },
      ],
    },
    ["messages.prefill"],
    ({ client }) => (client.text === " is blue because light scatters." ? "works" : undefined),
  ),
  text: "",
  refusal: /last message|must end with/i,
};

export const conversationFeatures: Readonly<Record<string, readonly Feature[]>> = {
  "Messages and tools": [
    conversation("system message", [
      ["system", "Be kind."],
      ["user", "Why is the sky blue?"],
    ]),
    conversation("messages in odd order", [
      ["assistant", "Hello."],
      ["user", "One."],
      ["user", "Two."],
      ["system", "Be kind."],
      ["assistant", "Three."],
      ["assistant", "Four."],
      ["user", "Five."],
    ]),
    prefill,
    thoughts,
    toolCalls("`tools`", ["Paris"]),
    toolCalls("parallel calls of one tool", ["Paris", "Oslo"]),
    results,
  ],
  Media: [
    image("PNG", png, "image/png"),
    image("WebP", webp.toString("base64"), "image/webp"),
    audio,
  ],
};
