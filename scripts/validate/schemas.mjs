/**
 * The objects of Ollama's API as its clients need them: stricter than Ollama's own description.
 * No null, no empty name, no unknown member, every count a whole number.
 */
import { z } from "zod";

const text = z.string().min(1);
const count = z.int().min(0);
const positive = z.int().min(1);
const instant = z.iso.datetime({ offset: true });
const digest = z.string().regex(/^[0-9a-f]{64}$/u, "64 hexadecimal digits");
/** Clients refuse a capability that they don't know. */
const capability = z.enum([
  "completion",
  "tools",
  "insert",
  "vision",
  "embedding",
  "thinking",
  "image",
  "audio",
]);

const tokenLogprob = { token: z.string(), logprob: z.number(), bytes: z.array(count).optional() };
const logprobs = z.array(
  z.strictObject({
    ...tokenLogprob,
    top_logprobs: z.array(z.strictObject(tokenLogprob)).min(1).optional(),
  }),
);

const toolCall = z.strictObject({
  id: text,
  function: z.strictObject({
    index: count,
    name: text,
    arguments: z.record(z.string(), z.unknown()),
  }),
});

const head = { model: text, created_at: instant };
const more = { ...head, done: z.literal(false), logprobs: logprobs.optional() };
const metrics = {
  total_duration: positive,
  load_duration: positive,
  prompt_eval_count: positive,
  prompt_eval_cached_count: count.optional(),
  prompt_eval_duration: positive,
  eval_count: count,
  eval_duration: count,
};
const end = {
  ...head,
  done: z.literal(true),
  done_reason: z.enum(["stop", "length"]),
  ...metrics,
  logprobs: logprobs.optional(),
};
const failure = {
  ...head,
  done: z.literal(true),
  done_reason: z.literal("error"),
  error: text,
  ...Object.fromEntries(Object.keys(metrics).map((name) => [name, count.optional()])),
};
const loading = { ...head, done: z.literal(true), done_reason: z.enum(["load", "unload"]) };

const said = {
  role: z.literal("assistant"),
  content: z.string(),
  thinking: text.optional(),
  tool_calls: z.array(toolCall).min(1).optional(),
};
const piece = z.strictObject(said);
const nothing = z.strictObject({ role: z.literal("assistant"), content: z.literal("") });
const generated = {
  response: z.string(),
  thinking: text.optional(),
  tool_calls: z.array(toolCall).min(1).optional(),
};
const context = z.array(z.int()).min(1).optional();

const details = {
  parent_model: z.string(),
  format: text,
  family: text,
  families: z.array(text).min(1),
  parameter_size: text,
  quantization_level: text,
};
const listed = z
  .strictObject({
    name: text,
    model: text,
    modified_at: instant,
    size: positive,
    digest,
    details: z.strictObject({
      ...details,
      context_length: positive.optional(),
      embedding_length: positive.optional(),
    }),
    capabilities: z.array(capability).min(1).optional(),
  })
  .refine((model) => model.name === model.model, "name and model are the same");
const running = z
  .strictObject({
    name: text,
    model: text,
    size: positive,
    digest,
    details: z.strictObject(details),
    expires_at: instant,
    size_vram: count,
    context_length: positive,
  })
  .refine((model) => model.name === model.model, "name and model are the same");

/** Several clients look for `<architecture>.context_length`. */
function hasContextLength(info) {
  return Number.isInteger(info[`${info["general.architecture"]}.context_length`]);
}
const modelInfo = z
  .record(text, z.unknown())
  .refine((info) => typeof info["general.architecture"] === "string", "general.architecture")
  .refine(hasContextLength, "<architecture>.context_length is a whole number")
  .refine((info) => (info["general.parameter_count"] ?? 1) >= 1, "general.parameter_count");

function unique(models) {
  return new Set(models.map((model) => model.digest)).size === models.length;
}

const openaiError = z.strictObject({
  message: text,
  type: text,
  param: z.null(),
  code: z.string().nullable(),
});

/** By kind of object; `kindOf` in `answer.mjs` says which kind an object has to be. */
export const schemas = {
  version: z.strictObject({ version: z.string().regex(/^\d+\.\d+\.\d+$/u, "digits and dots") }),
  tags: z.strictObject({ models: z.array(listed).refine(unique, "each digest is there once") }),
  ps: z.strictObject({ models: z.array(running) }),
  show: z.strictObject({
    license: text.optional(),
    modelfile: text,
    parameters: text.optional(),
    template: text,
    system: text.optional(),
    details: z.strictObject(details),
    messages: z
      .array(z.strictObject({ role: text, content: z.string() }))
      .min(1)
      .optional(),
    model_info: modelInfo,
    projector_info: z.record(text, z.unknown()).optional(),
    tensors: z.array(z.unknown()).optional(),
    capabilities: z.array(capability).min(1),
    modified_at: instant,
  }),
  error: z.strictObject({ error: z.string().regex(/^\P{Cc}{1,1024}$/u, "one line of text") }),

  status: z.strictObject({
    status: text,
    digest: z
      .string()
      .regex(/^sha256:[0-9a-f]{64}$/u)
      .optional(),
    total: count.optional(),
    completed: count.optional(),
  }),
  "cloud status": z.strictObject({
    cloud: z.strictObject({
      disabled: z.boolean(),
      source: z.enum(["none", "env", "config", "both"]),
    }),
  }),
  recommendations: z.strictObject({
    recommendations: z.array(
      z.strictObject({
        model: text,
        description: text,
        context_length: positive.optional(),
        max_output_tokens: positive.optional(),
        vram_bytes: positive.optional(),
      }),
    ),
  }),

  "chat line": z.strictObject({ ...more, message: piece }),
  "chat end": z.strictObject({ ...end, message: nothing }),
  "chat answer": z.strictObject({ ...end, message: piece }),
  "chat failure": z.strictObject({ ...failure, message: nothing }),
  "chat load": z.strictObject({ ...loading, message: nothing }),

  "generate line": z.strictObject({ ...more, ...generated }),
  "generate end": z.strictObject({ ...end, response: z.literal(""), context }),
  "generate answer": z.strictObject({ ...end, ...generated, context }),
  "generate failure": z.strictObject({ ...failure, response: z.literal("") }),
  "generate load": z.strictObject({ ...loading, response: z.literal("") }),

  embed: z.union([
    z.strictObject({
      model: text,
      embeddings: z.array(z.array(z.number()).min(1)).min(1),
      total_duration: positive,
      load_duration: positive,
      prompt_eval_count: positive,
    }),
    z.strictObject({ model: text, embeddings: z.tuple([]) }),
  ]),
  embeddings: z.strictObject({ embedding: z.array(z.number()) }),

  // What /v1 answers is the backend's; only what clients can't do without is asked for.
  "openai error": z.strictObject({ error: openaiError }),
  "openai model": z.looseObject({ id: text, object: z.literal("model"), created: count }),
  "openai models": z.looseObject({
    object: z.literal("list"),
    data: z.array(z.looseObject({ id: text, object: z.literal("model"), created: count })),
  }),
  "openai chat": z.looseObject({
    object: z.literal("chat.completion"),
    choices: z.array(z.looseObject({ message: z.looseObject({}), finish_reason: text })).min(1),
  }),
  "openai chat line": z.looseObject({
    object: z.literal("chat.completion.chunk"),
    choices: z.array(z.looseObject({ delta: z.looseObject({}) })),
  }),
};
