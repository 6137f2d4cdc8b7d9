import { z } from "zod";
import { optionNames } from "../ollama/options.ts";

/** Members of a request, as they go over the wire. */
const wireFields = z.record(z.string(), z.unknown());

/** Members of a request that are the translation's own, so that no option may be put there. */
const ownFields: ReadonlySet<string> = new Set([
  "model",
  "messages",
  "prompt",
  "suffix",
  "input",
  "tools",
  "stream",
  "stream_options",
  "response_format",
]);

const optionField = z
  .string()
  .regex(/^[A-Za-z]\w*$/, "expected the name of a field")
  .refine((name) => !ownFields.has(name), "expected a field that the proxy does not fill itself");

/** Below the base URL, or after `origin:` below the server itself. */
const wirePath = z.string().regex(/^(origin:)?\/\S*$/, 'expected "/path" or "origin:/path"');

/** What a client may say of thinking; the names of the rows of `think`. */
const thinkValues = ["true", "false", "low", "medium", "high", "max"] as const;

/** Ways to ask for structured output; a list of them is tried from left to right. */
const formatSteps = [
  /** `response_format: {type: "json_object"}` */
  "json_object",
  /** `response_format: {type: "json_schema", json_schema: {name, schema}}` */
  "json_schema",
  /** `response_format: {type: "json_object", schema}` */
  "json_object_schema",
  /** `response_format: {type: "json", value: schema}` (TGI) */
  "json_value",
  /** `json_schema: schema`, top level (TabbyAPI) */
  "top_level_schema",
  /** Words in the prompt, with the schema. */
  "prompt",
] as const;

/** The shape of a dialect, and the text of its fields in docs/CONFIGURATION.md. */
export const dialectFields = z.strictObject({
  options: z
    .partialRecord(z.enum(optionNames), z.array(optionField))
    .describe(
      "Ollama's option: the fields that carry it. An option without an entry, or with an empty list, is not sent.",
    ),
  ranges: z
    .record(
      optionField,
      z
        .tuple([z.number(), z.number()])
        .refine(([least, greatest]) => least <= greatest, "expected the least value first"),
    )
    .describe("Field: the least and greatest value it may have; what is beyond is moved there."),
  limits_needed: z
    .array(z.enum(["chat", "completion"]))
    .describe("Where an output limit must be sent because the backend's own is small."),
  max_stops: z
    .int()
    .nonnegative()
    .describe("Stop texts the backend takes; the proxy watches for the others itself."),
  stream_usage: z.boolean().describe("Whether `stream_options` is sent to be told usage."),
  json: z
    .array(z.enum(formatSteps))
    .describe('Ways to ask for `format: "json"`, the best first; none: it can\'t be asked.'),
  schema: z
    .array(z.enum(formatSteps))
    .describe("Ways to ask for a `format` that is a schema, the best first."),
  json_word: z
    .boolean()
    .describe('Whether a prompt must hold the word "JSON" for `json_object` to be accepted.'),
  strict_schema: z
    .boolean()
    .describe("Whether a schema that follows OpenAI's strict rules is marked as such."),
  think: z
    .partialRecord(z.enum(thinkValues), wireFields)
    .describe("Value of `think`: the fields that say it. A value without an entry is not sent."),
  thoughts: z
    .enum(["drop", "reasoning_content", "reasoning", "required_reasoning_content"])
    .describe("How earlier thoughts go back; `required`: an empty text where there are none."),
  think_tags: z
    .enum(["leading", "unopened", "never"])
    .describe(
      "Thoughts in the text: a `<think>` at its start; `unopened`: also only `</think>`, for templates that open it themselves.",
    ),
  repeats_answer: z.boolean().describe("Whether the last chunk may repeat the whole answer."),
  prefill: z
    .strictObject({
      request: wireFields.describe("Fields of the request that make it so."),
      message: wireFields.describe("Fields of that message."),
      echoed: z.boolean().describe("Whether the answer repeats what it continues."),
      path: wirePath.nullable().describe("A route of its own for it; `null`: the usual one."),
    })
    .nullable()
    .describe("How a last assistant message is continued; `null`: it can't be."),
  completions: wirePath
    .nullable()
    .describe("Where bare text is completed, for `raw` and `template`; `null`: nowhere."),
  insert: z
    .strictObject({
      path: wirePath.describe("Where the text is asked for."),
      shape: z
        .enum(["suffix", "infill", "tokens"])
        .describe("A field `suffix`, llama.cpp's `/infill`, or the family's tokens in the prompt."),
    })
    .nullable()
    .describe(
      "How text is put before a `suffix`: a field, llama.cpp's own route, or the model family's tokens in a prompt.",
    ),
  parallel_tool_calls: z.boolean().describe("Whether several calls must be asked for."),
  tools: z.boolean().describe("Whether it takes tools at all."),
  tool_result_names: z.boolean().describe("Whether a result must name its tool."),
  tool_call_fields: wireFields.describe("Fields every earlier call must have."),
  alternating_roles: z
    .boolean()
    .describe("Whether neighbours of one role must be sent as one message."),
  system_role: z
    .boolean()
    .describe("Whether it takes system messages; else the first user has it."),
  empty_content: z
    .boolean()
    .describe("Whether a message with tool calls may have an empty text; else it has none."),
  images: z
    .array(z.string().regex(/^image\/[\w.+-]+$/, 'expected a media type such as "image/png"'))
    .describe("Media types of images it takes, such as `image/png`; none: it takes no images."),
  audio: z.boolean().describe("Whether it takes audio (`input_audio`)."),
  logprobs: z
    .enum(["chat", "integer", "none"])
    .describe("`logprobs: true` and `top_logprobs`, one number, or not at all."),
  embeddings: z
    .strictObject({
      batch: z.int().positive().describe("Texts of one request."),
      dimensions: z
        .string()
        .nullable()
        .describe("Field that carries `dimensions`; `null`: vectors are cut here."),
      fields: wireFields.describe("Fields every request must have."),
    })
    .nullable()
    .describe("How texts are embedded; `null`: it has no embeddings."),
  auth: z.enum(["bearer", "api-key"]).describe("Header that carries the key."),
});

export type FormatStep = (typeof formatSteps)[number];
export type ThinkValue = (typeof thinkValues)[number];

/**
 * How one family of backends differs from the core of OpenAI's API, as data: other families are more
 * records, not more branches. What the configuration overrides and what is learned from a refusal
 * are records of the same kind, laid over it.
 */
export type Dialect = { readonly id: string } & DeepReadonly<z.output<typeof dialectFields>>;

/** Fields laid over those of a dialect, each as a whole. */
export type DialectOverrides = Partial<Omit<Dialect, "id">>;

type DeepReadonly<T> = T extends [infer A, infer B]
  ? readonly [A, B]
  : T extends (infer Item)[]
    ? readonly DeepReadonly<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
      : T;
