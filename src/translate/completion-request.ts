import { invalidRequest } from "../errors.ts";
import { qualifiedName } from "../ollama/model-name.ts";
import type { GenerateRequest, Message } from "../ollama/requests.ts";
import type { JsonObject } from "../openai/json.ts";
import type { CompletionRequest } from "../openai/requests.ts";
import { estimateTokens, type Backend, type LoweredRequest } from "./backend.ts";
import { streamOptions } from "./chat-request.ts";
import { fillInTheMiddlePrompt } from "./fill-in-the-middle.ts";
import { lowerOptions } from "./sampling.ts";
import { lowerFormat } from "./structured-output.ts";
import type { Dates } from "./template/functions.ts";
import { renderTemplate } from "./template/ollama-template.ts";

/** A prompt that goes to the model as it is. */
interface Completion {
  readonly path: string;
  /** What stands for the prompt. */
  readonly input: JsonObject;
  readonly promptLength: number;
  readonly ignored: readonly string[];
  readonly thinkTags: boolean;
}

/** `raw`: the bare prompt. @throws ProxyError 400 where bare text can't be completed. */
export function toRawRequest(request: GenerateRequest, backend: Backend): LoweredRequest {
  return lowerCompletion(request, backend, {
    path: completionsPath(backend, "raw completion"),
    input: { prompt: request.prompt },
    promptLength: request.prompt.length,
    ignored: request.think === undefined ? [] : ["think"],
    thinkTags: false,
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
  const fillsGap = request.suffix !== "";
  const prompt = renderTemplate(request.template, {
    system: "",
    prompt: fillsGap ? request.prompt : "",
    suffix: request.suffix,
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
    ignored: [],
    thinkTags: true,
  });
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
  const lowered = lowerCompletion(request, backend, {
    path: insert.path,
    input,
    promptLength: prompt.length + suffix.length,
    ignored: [
      ...(request.system === "" ? [] : ["system"]),
      ...(request.think === undefined ? [] : ["think"]),
    ],
    thinkTags: false,
  });
  return insert.shape === "infill" ? asInfill(lowered) : lowered;
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

/** llama.cpp's own route has its own name for the limit. */
function asInfill(lowered: LoweredRequest): LoweredRequest {
  const { max_tokens, stream_options: _, ...body } = lowered.body;
  return {
    ...lowered,
    body: { ...body, ...(max_tokens === undefined ? {} : { n_predict: max_tokens }) },
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
  { path, input, promptLength, ignored, thinkTags }: Completion,
): LoweredRequest {
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
      ...ignored,
      ...options.ignored,
      ...format.ignored,
      ...(request.logprobs && !logprobs ? ["logprobs"] : []),
      ...(request.images.length > 0 ? ["images"] : []),
    ],
    promptEstimate,
    decoding: {
      topLogprobs: request.topLogprobs,
      thinkTags: thinkTags ? dialect.think_tags : "never",
      stops: options.stops,
      ...(backend.contextLength === undefined ? {} : { contextLength: backend.contextLength }),
    },
  };
}
