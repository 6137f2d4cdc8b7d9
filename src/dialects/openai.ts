import type { Dialect, DialectOverrides } from "./dialect.ts";
import { generic } from "./generic.ts";
import { effortThinking } from "./thinking.ts";

/** The models that do not think; documented: at most 4 stop texts, 4 kinds of images. */
export const openai: Dialect = {
  ...generic,
  id: "openai",
  options: { ...generic.options, num_predict: ["max_completion_tokens"] },
  json_word: true,
  strict_schema: true,
  think: { false: {} },
  think_tags: "never",
  images: ["image/png", "image/jpeg", "image/webp", "image/gif"],
};

/** What all hosts of the o series and of gpt-5 refuse: samplers, stop texts and `logprobs`. */
export const openaiReasoningFields: DialectOverrides = {
  options: { seed: ["seed"], stop: ["stop"], num_predict: ["max_completion_tokens"] },
  max_stops: 0,
  think: effortThinking({ on: "medium" }),
  completions: null,
  insert: null,
  logprobs: "none",
};

/** gpt-5 thinks at least a little. */
export const gpt5Thinking = effortThinking({ on: "medium", off: "minimal" });

/** gpt-5.1 was the first that can be kept from thinking. */
export const gpt51Thinking = effortThinking({ on: "medium", off: "none" });

/** Since gpt-5.2 there is an effort above `high`. */
export const gpt52Thinking = effortThinking(
  { on: "medium", off: "none" },
  { low: "low", medium: "medium", high: "high", max: "xhigh" },
);

export const openaiReasoning: Dialect = {
  ...openai,
  ...openaiReasoningFields,
  id: "openai-reasoning",
};

/** A deployment may have any name, so what it can is not known from it. */
export const azure: Dialect = {
  ...openai,
  id: "azure",
  think: generic.think,
  think_tags: "leading",
  auth: "api-key",
};

/** Models of many makers behind one route; DeepSeek's think in the text. */
export const githubModels: Dialect = {
  ...openai,
  id: "github-models",
  options: generic.options,
  think: generic.think,
  think_tags: "leading",
  images: generic.images,
  completions: null,
  insert: null,
};
