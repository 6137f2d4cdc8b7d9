import { isDeepStrictEqual } from "node:util";
import type { Exchange } from "../exchange.ts";
import { usualText, type Feature } from "./feature.ts";
import { list, type Json } from "../players/backend.ts";
import { vectorOf } from "../players/embedding.ts";

function generate(
  name: string,
  body: Json,
  names: readonly string[],
  reached: Feature["reached"],
): Feature {
  return { name, path: "/api/generate", body, names, reached };
}

/** The prompt that a model got bare, without its chat template. */
function barePrompt({ heard }: Exchange): unknown {
  return heard === undefined || heard.route === "chat" ? undefined : heard.fields["prompt"];
}

const raw = generate("`raw`", { prompt: "[INST] hi [/INST]", raw: true }, ["raw"], (exchange) =>
  barePrompt(exchange) === "[INST] hi [/INST]" ? "works" : undefined,
);

const template = generate(
  "`template`",
  { prompt: "hi", system: "Be kind.", template: "<{{ .System }}|{{ .Prompt }}>" },
  ["template"],
  (exchange) => (barePrompt(exchange) === "<Be kind.|hi>" ? "works" : undefined),
);

/** As a field, or in the tokens of a Qwen model. */
const suffix = generate(
  "`suffix`",
  { prompt: "def f(", suffix: "return 1" },
  ["suffix"],
  (exchange) => {
    const prompt = barePrompt(exchange);
    if (prompt === "def f(" && exchange.heard?.fields["suffix"] === "return 1") return "works";
    return prompt === "<|fim_prefix|>def f(<|fim_suffix|>return 1<|fim_middle|>"
      ? "works"
      : undefined;
  },
);

const context: Feature = {
  ...generate("`context`", { prompt: "And at night?" }, ["context"], ({ heard }) => {
    const texts = heard?.messages.map((message) => message.text) ?? [];
    const [question, answer = "", next] = texts;
    const whole = question === "Why?" && answer.endsWith(usualText) && next === "And at night?";
    return whole ? "works" : undefined;
  }),
  after: { body: { prompt: "Why?" }, completes: ({ context: numbers }) => ({ context: numbers }) },
};

const texts = ["the first", "and another"];

function embedding(name: string, body: Json, width: number): Feature {
  return {
    name,
    path: "/api/embed",
    body: { input: texts, ...body },
    names: [],
    text: "",
    reached: ({ client }) => {
      const expected = texts.map((one) => rounded(normalised(vectorOf(one).slice(0, width))));
      const given = list(client.last["embeddings"]).map((vector) =>
        rounded(list(vector).map(Number)),
      );
      return isDeepStrictEqual(given, expected) ? "works" : undefined;
    },
  };
}

export const bareTextFeatures: Readonly<Record<string, readonly Feature[]>> = {
  "Bare text and embeddings": [
    raw,
    template,
    suffix,
    context,
    embedding("embeddings", {}, 8),
    embedding("embeddings with `dimensions`", { dimensions: 4 }, 4),
  ],
};

function normalised(vector: readonly number[]): number[] {
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

function rounded(vector: readonly number[]): number[] {
  return vector.map((value) => Math.round(value * 1e5) / 1e5);
}
