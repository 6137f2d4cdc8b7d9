import type { Dialect } from "./dialect.ts";

/** What every OpenAI-compatible backend takes, also one of which nothing is known. */
export const generic: Dialect = {
  id: "generic",
  options: {
    temperature: ["temperature"],
    top_p: ["top_p"],
    seed: ["seed"],
    stop: ["stop"],
    frequency_penalty: ["frequency_penalty"],
    presence_penalty: ["presence_penalty"],
    num_predict: ["max_tokens"],
  },
  thinkingVariables: [],
  reasoningEffort: true,
};
