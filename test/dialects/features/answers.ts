import { isDeepStrictEqual } from "node:util";
import { heardThink } from "../players/hearing.ts";
import { chat, usualText, type Feature } from "./feature.ts";

function option(name: string, value: unknown): Feature {
  return chat(`\`${name}\``, { options: { [name]: value } }, [`options.${name}`], ({ heard }) => {
    const arrived = heard?.fields[name];
    if (isDeepStrictEqual(arrived, value)) return "works";
    return arrived === undefined ? undefined : "approximated";
  });
}

/** Ends at a stop text, whoever stopped it. */
function stop(name: string, texts: readonly string[]): Feature {
  const feature = chat(name, { options: { stop: texts } }, ["options.stop"], ({ client }) =>
    client.text.endsWith("The sky is blue ") ? "works" : undefined,
  );
  return { ...feature, text: "" };
}

const limited: Feature = {
  ...chat("`num_predict`", { options: { num_predict: 3 } }, ["options.num_predict"], ({ heard }) =>
    heard?.fields["num_predict"] === 3 ? "works" : undefined,
  ),
  text: "The sky is",
};

const unlimited = chat(
  "`num_predict` -1",
  { options: { num_predict: -1 } },
  ["options.num_predict"],
  ({ client }) => (client.last["done_reason"] === "stop" ? "works" : undefined),
);

function think(value: boolean | string): Feature {
  const reached: Feature["reached"] = ({ heard, answer, client }) => {
    const told = heardThink(heard?.fields ?? {});
    if (answer === undefined) return undefined;
    // What a model does anyway need not be told to it.
    const does =
      told ?? (client.ignored.length === 0 && answer.thought === value ? value : undefined);
    if (does === undefined) return undefined;
    if (value === false) return does === false ? "works" : "approximated";
    const shown = answer.thoughts.join("");
    if (does === false || (shown !== "" && client.thinking.trim() !== shown)) return undefined;
    return value === true || does === value ? "works" : "approximated";
  };
  return chat(`\`think\` ${String(value)}`, { think: value }, ["think"], reached);
}

const schema = {
  type: "object",
  properties: { answer: { type: "string" }, why: { type: "string" } },
  required: ["answer"],
};

function format(name: string, value: unknown, isTold: (format: unknown) => boolean): Feature {
  const words = value === "json" ? "JSON" : JSON.stringify(value);
  const feature = chat(name, { format: value }, ["format"], ({ heard }) => {
    if (isTold(heard?.fields["format"])) return "works";
    const isInWords = heard?.messages.some((message) => message.text.includes(words)) === true;
    return isInWords ? "approximated" : undefined;
  });
  return { ...feature, text: "" };
}

const logprobs = chat(
  "`logprobs`",
  { logprobs: true, top_logprobs: 2 },
  ["logprobs"],
  ({ heard, client }) => {
    const told = client.logprobs.map((entry) => String(entry["token"])).join("");
    const whole = heard?.fields["logprobs"] !== undefined && told.endsWith(usualText);
    return whole && client.logprobs.every(({ top_logprobs: top }) => Array.isArray(top))
      ? "works"
      : undefined;
  },
);

/** What the backend counts is what the client is told; a guess where the backend counts nothing. */
const usage = chat("token counts", {}, [], ({ backend, answer, client }) => {
  const { prompt_eval_count: prompt, eval_count: written } = client.last;
  if (answer === undefined) return undefined;
  const { figures } = answer;
  if (prompt === figures.prompt && written === figures.thoughts + figures.text) return "works";
  return backend.style.usage === "never" && Number(prompt) >= 1 && Number(written) >= 1
    ? "approximated"
    : undefined;
});

export const answerFeatures: Readonly<Record<string, readonly Feature[]>> = {
  Sampling: [
    option("temperature", 0.3),
    option("top_p", 0.8),
    option("top_k", 7),
    option("min_p", 0.05),
    option("typical_p", 0.7),
    option("seed", 42),
    option("repeat_penalty", 1.2),
    option("repeat_last_n", 32),
    option("presence_penalty", 0.4),
    option("frequency_penalty", 0.6),
    option("mirostat", 2),
  ],
  "Length, context and counts": [
    limited,
    unlimited,
    stop("`stop`, 2 texts", ["zzz", "because"]),
    stop("`stop`, 6 texts", ["q1", "q2", "q3", "q4", "q5", "because"]),
    option("num_ctx", 8192),
    logprobs,
    usage,
  ],
  "Thinking and structured output": [
    think(true),
    think(false),
    think("low"),
    think("high"),
    think("max"),
    format(
      "`format` json",
      "json",
      (told) => told === "json" || isDeepStrictEqual(told, { type: "object" }),
    ),
    format("`format` schema", schema, (told) => isDeepStrictEqual(told, schema)),
  ],
};
