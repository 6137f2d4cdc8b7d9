import { z } from "zod";

/**
 * OpenAI's requests as the proxy sends them, with the fields that one dialect or another takes
 * beyond them. Strict: a field that is not declared here is a mistake.
 */
const text = z.string().refine((value) => value.isWellFormed(), "well-formed");
const filled = text.min(1);
const object = z.record(z.string(), z.unknown());

const contentPart = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("text"), text: filled }),
  z.strictObject({
    type: z.literal("image_url"),
    image_url: z.strictObject({ url: z.string().regex(/^data:[\w.+/-]+;base64,/) }),
  }),
  z.strictObject({
    type: z.literal("input_audio"),
    input_audio: z.strictObject({ data: filled, format: filled }),
  }),
]);

const callId = z.string().regex(/^[a-zA-Z0-9]{9}$/);

const toolCall = z.strictObject({
  id: callId,
  type: z.literal("function"),
  function: z.strictObject({ name: text, arguments: text }),
  extra_content: object.optional(),
});

const content = z.union([text, z.array(contentPart)]);

const message = z
  .strictObject({
    role: filled,
    content: content.optional(),
    tool_calls: z.array(toolCall).min(1).optional(),
    tool_call_id: callId.optional(),
    name: text.optional(),
    reasoning_content: text.optional(),
    reasoning: text.optional(),
    prefix: z.literal(true).optional(),
    partial: z.literal(true).optional(),
  })
  .refine((value) => value.content !== undefined || value.tool_calls !== undefined, "content");

const tool = z.strictObject({
  type: z.literal("function"),
  function: z.looseObject({ name: z.string(), parameters: z.looseObject({}) }),
});

const common = {
  model: filled,
  stream: z.literal(true),
  stream_options: z.strictObject({ include_usage: z.literal(true) }).optional(),
  response_format: z.looseObject({ type: filled }).optional(),
  max_tokens: z.int().positive().optional(),
  stop: z.array(filled).min(1).optional(),
};

/** What carries an option of Ollama's, at one backend or another. */
const samplers = Object.fromEntries(
  "temperature top_p seed presence_penalty frequency_penalty random_seed top_k min_p typical_p typical n_keep repeat_penalty repetition_penalty rep_pen repeat_last_n repetition_context_size penalty_range rep_pen_range"
    .split(" ")
    .map((name) => [name, z.number().optional()]),
);

const thinkingType = z.strictObject({ type: z.enum(["enabled", "disabled"]) }).loose();

/** Switches of thinking, at one backend or another. */
const thinking = {
  reasoning_effort: filled.optional(),
  chat_template_kwargs: z.record(z.string(), z.union([z.boolean(), filled])).optional(),
  thinking: thinkingType.optional(),
  reasoning: object.optional(),
  enable_thinking: z.boolean().optional(),
  extra_body: object.optional(),
  reasoning_format: filled.optional(),
  metadata: object.optional(),
};

export const chatCompletionRequestSchema = z.strictObject({
  ...common,
  ...samplers,
  ...thinking,
  messages: z.array(message).min(1),
  tools: z.array(tool).min(1).optional(),
  parallel_tool_calls: z.literal(true).optional(),
  max_completion_tokens: z.int().positive().optional(),
  logprobs: z.union([z.literal(true), z.int().positive()]).optional(),
  top_logprobs: z.int().min(1).max(20).optional(),
  json_schema: object.optional(),
  continue_final_message: z.literal(true).optional(),
  add_generation_prompt: z.literal(false).optional(),
  continue_assistant_turn: z.literal(true).optional(),
});

export const completionRequestSchema = z.strictObject({
  ...common,
  ...samplers,
  prompt: text.optional(),
  suffix: text.optional(),
  input_prefix: text.optional(),
  input_suffix: text.optional(),
  n_predict: z.int().positive().optional(),
  n_probs: z.int().positive().optional(),
  logprobs: z.int().positive().optional(),
  json_schema: object.optional(),
});
