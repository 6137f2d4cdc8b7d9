import type { Dialect, FormatStep } from "../dialects/dialect.ts";
import { invalidRequest } from "../errors.ts";
import { qualifiedName } from "../ollama/model-name.ts";
import type { GenerateRequest, Message } from "../ollama/requests.ts";
import type { JsonObject } from "../openai/json.ts";
import type { CompletionRequest } from "../openai/requests.ts";
import { estimateTokens, type Backend, type LoweredRequest } from "./backend.ts";
import { streamOptions, thinkTags } from "./chat-request.ts";
import { decodeContext } from "./context.ts";
import { fillInTheMiddlePrompt } from "./fill-in-the-middle.ts";
import { lowerOptions } from "./sampling.ts";
import { lowerFormat } from "./structured-output.ts";
import type { Dates } from "./template/functions.ts";
import { renderTemplate } from "./template/ollama-template.ts";

/** What a request has beside its prompt, and some kinds of prompt have no place for. */
const members = ["system", "context", "suffix", "think"] as const;
type Member = (typeof members)[number];

/** Those that only a conversation or a template has a place for. */
const conversational: readonly Member[] = ["system", "context", "think"];

/** A prompt that goes to the model as it is. */
interface Completion {
  readonly path: string;
  /** What stands for the prompt. */
  readonly input: JsonObject;
  readonly promptLength: number;
  /** What this prompt has no place for. */
  readonly unused: readonly Member[];
  readonly thinkTags: Dialect["think_tags"];
}

/** `raw`: the bare prompt. @throws ProxyError 400 where bare text can't be completed. */
export function toRawRequest(request: GenerateRequest, backend: Backend): LoweredRequest {
  return lowerCompletion(request, backend, {
    path: completionsPath(backend, "raw completion"),
    input: { prompt: request.prompt },
    promptLength: request.prompt.length,
    unused: conversational,
    thinkTags: "never",
  });
}

/**
 * A `template` of the client's: rendered here, since no backend takes one.
 * @throws ProxyError 400 for a bad template, or where bare text can't be completed
 */
export function toTemplateRequest(
  request: GenerateRequest,
  messages: readonly Message[],
  backend: Backend,
  dates: Dates,
): LoweredRequest {
  const path = completionsPath(backend, "a template");
  const fillsGap = request.prompt !== "" && request.suffix !== "";
  const prompt = renderTemplate(request.template, {
    system: "",
    prompt: fillsGap ? request.prompt : "",
    suffix: fillsGap ? request.suffix : "",
    // The system text and the prompt are among them.
    messages: fillsGap ? [] : messages,
    response: "",
    tools: [],
    think: request.think,
    ...dates,
  });
  return lowerCompletion(request, backend, {
    path,
    input: { prompt },
    promptLength: prompt.length,
    unused: unusedBy(request, fillsGap),
    thinkTags: thinkTags(request.think, backend.dialect),
  });
}

/** What the template does not mention, or, with a gap to fill, has no value for. */
function unusedBy({ template, context }: GenerateRequest, fillsGap: boolean): readonly Member[] {
  const isUsed: Readonly<Record<Member, boolean>> = {
    system: !fillsGap && /\.(System|Messages)\b/.test(template),
    context: !fillsGap && decodeContext(context) !== undefined,
    suffix: fillsGap && /\.Suffix\b/.test(template),
    think: /\.(Think|ThinkLevel|IsThinkSet)\b/.test(template),
  };
  return members.filter((name) => !isUsed[name]);
}

/**
 * A `suffix`: what comes between it and the prompt.
 * @throws ProxyError 400 `… does not support insert` where there is no way to say it
 */
export function toInsertRequest(request: GenerateRequest, backend: Backend): LoweredRequest {
  const { prompt, suffix } = request;
  const { insert } = backend.dialect;
  const input = insert === null ? undefined : toInsertInput(insert.shape, prompt, suffix, backend);
  if (insert === null || input === undefined) {
    throw invalidRequest(`${qualifiedName(backend.model)} does not support insert`);
  }
  const completion: Completion = {
    path: insert.path,
    input,
    promptLength: prompt.length + suffix.length,
    unused: conversational,
    thinkTags: "never",
  };
  return insert.shape === "infill"
    ? toInfillNames(lowerCompletion(request, forInfill(backend), completion))
    : lowerCompletion(request, backend, completion);
}

function toInsertInput(
  shape: "suffix" | "infill" | "tokens",
  prompt: string,
  suffix: string,
  { model }: Backend,
): JsonObject | undefined {
  if (shape === "suffix") return { prompt, suffix };
  if (shape === "infill") return { input_prefix: prompt, input_suffix: suffix };
  const filled = fillInTheMiddlePrompt(model, prompt, suffix);
  return filled === undefined ? undefined : { prompt: filled };
}

/** llama.cpp's own route takes a schema at the top only, and tells usage without being asked. */
function forInfill(backend: Backend): Backend {
  const { dialect } = backend;
  const json = schemaAtTop(dialect.json);
  const schema = schemaAtTop(dialect.schema);
  return { ...backend, dialect: { ...dialect, json, schema, stream_usage: false } };
}

function schemaAtTop([first]: readonly FormatStep[]): readonly FormatStep[] {
  return first === undefined || first === "prompt" ? [] : ["top_level_schema"];
}

/** OpenAI's fields that llama.cpp's own route has other names for; samplers have the same. */
const infillNames: ReadonlyMap<string, string> = new Map([
  ["max_tokens", "n_predict"],
  ["logprobs", "n_probs"],
]);

function toInfillNames(lowered: LoweredRequest): LoweredRequest {
  const fields = Object.entries(lowered.body);
  return {
    ...lowered,
    body: Object.fromEntries(fields.map(([name, value]) => [infillNames.get(name) ?? name, value])),
  };
}

function completionsPath({ dialect }: Backend, what: string): string {
  if (dialect.completions === null) {
    throw invalidRequest(`${what} is not supported by this backend`);
  }
  return dialect.completions;
}

function lowerCompletion(
  request: GenerateRequest,
  backend: Backend,
  { path, input, promptLength, unused, thinkTags: tags }: Completion,
): LoweredRequest {
  if (request.images.length > 0) {
    throw invalidRequest("raw, template and suffix do not support images");
  }
  const { dialect, model } = backend;
  const promptEstimate = estimateTokens(promptLength);
  const options = lowerOptions(request.options, "completion", backend, promptEstimate);
  const format = lowerFormat(request.format, dialect);
  const logprobs = request.logprobs && dialect.logprobs !== "none";
  const body: CompletionRequest = {
    model,
    ...input,
    ...options.fields,
    ...format.fields,
    ...(logprobs ? { logprobs: Math.max(1, request.topLogprobs) } : {}),
    stream: true,
    ...streamOptions(backend),
  };
  return {
    path,
    body,
    ignored: [
      ...request.unknown,
      ...unused.filter((name) => isSet(request[name])),
      ...options.ignored,
      ...format.ignored,
      ...(request.logprobs && !logprobs ? ["logprobs"] : []),
    ],
    promptEstimate,
    decoding: {
      topLogprobs: request.topLogprobs,
      thinkTags: tags,
      stops: options.stops,
      ...(backend.contextLength === undefined ? {} : { contextLength: backend.contextLength }),
    },
  };
}

function isSet(value: GenerateRequest[Member]): boolean {
  return value !== undefined && (typeof value === "boolean" || value.length > 0);
}
