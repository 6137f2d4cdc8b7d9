import { describe, expect, test } from "vitest";
import { fittingLimit, kindOfRefusal, overflowShare } from "../../../src/openai/refusals.ts";

const refusal = (message: string, code?: string) => ({
  status: 400,
  message,
  locations: [],
  ...(code === undefined ? {} : { code }),
});

describe("a full context is told by", () => {
  test.each([
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 130518 tokens. Please reduce the length of the messages.",
    "Your input exceeds the context window of this model. Please adjust your input and try again.",
    "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300000 tokens.",
    "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
    "The input (10009 tokens) is longer than the model's context length (128 tokens).",
    "Requested token count exceeds the model's maximum context length of 64000 tokens. You requested a total of 71897 tokens",
    "the request exceeds the available context size, try increasing it",
    "Trying to keep the first 4000 tokens when context overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough.",
    "Context size has been exceeded.",
    "Request length 71599 + 2048 is greater than max_seq_len 65536",
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000",
    "Please reduce the length of the messages or completion.",
    "Prompt contains 140000 tokens and 0 draft tokens, too large for model with 128000 maximum context length",
    "This endpoint's maximum context length is 131072 tokens. However, you requested about 148000 tokens",
    "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).",
    "prompt is too long: 213456 tokens > 200000 maximum",
    "input length and `max_tokens` exceed context limit: 197626 + 21333 > 200000",
    "This model's maximum prompt length is 131072 but the request contains 150000 tokens.",
    "The prompt is too long: 798932, model maximum context length: 262143",
    "too many tokens: size limit exceeded by 12345 tokens",
    "Your request exceeded model token limit: 8192",
    "Range of input length should be [1, 129024]",
    "invalid params, context window exceeds limit",
    "prompt token count of 140000 exceeds the limit of 128000",
    "Input is too long for requested model",
    "Reached context length of 32000 tokens with model x that does not currently support mid-generation context overflow.",
  ])("%s", (message) => {
    expect(kindOfRefusal(refusal(message))).toBe("overflow");
  });
});

describe("no other words would help with", () => {
  test.each([
    ["Rate limit reached: please reduce the length of the messages", undefined, "limit"],
    ["You exceeded your current quota", "insufficient_quota", "limit"],
    ["Request too large for model x on tokens per minute (TPM)", undefined, "limit"],
    [
      "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
      "content_filter",
      "filter",
    ],
    [
      "Your chosen model requires moderation and your input was flagged for violence.",
      undefined,
      "filter",
    ],
    [
      "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
      "invalid_prompt",
      "filter",
    ],
    [
      "Your request was rejected as a result of our safety system.",
      "content_policy_violation",
      "filter",
    ],
    ["Content violates usage guidelines.", undefined, "filter"],
    ["Model Not Exist", undefined, "model"],
    ["x is not a valid model ID", undefined, "model"],
    ["The model `gpt-9` does not exist or you do not have access to it.", undefined, "model"],
    ["Invalid model: x", undefined, "model"],
    ["No endpoints found for x.", undefined, "model"],
    ["model 'x' not found", undefined, "model"],
    ["The API deployment for this resource does not exist.", "DeploymentNotFound", "model"],
    ["API key not valid. Please pass a valid API key.", undefined, "key"],
    ["Incorrect API key provided: xa***", undefined, "key"],
    ["x does not support tools", undefined, "tools"],
    [
      '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
      undefined,
      "tools",
    ],
  ])("%s", (message, code, kind) => {
    expect(kindOfRefusal(refusal(message, code))).toBe(kind);
  });

  test.each([
    "property 'top_k' is unsupported",
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    "Extra inputs are not permitted",
    "'messages' must contain the word 'json' in some form",
    "Your account was flagged: requests that violate our policies",
    "The content of this organization was flagged",
    "Access denied. Please make sure that your credentials may do this.",
    "request violates the schema: 'messages' is missing",
    "unknown field 'safety_identifier' in request",
  ])("but would with: %s", (message) => {
    expect(kindOfRefusal(refusal(message))).toBeUndefined();
  });
});

describe("how much is too much is read from", () => {
  test.each([
    ["maximum context length is 4000 tokens. However, your messages resulted in 5000 tokens", 0.3],
    ["The input (10000 tokens) is longer than the model's context length (1000 tokens).", 0.95],
    ["context size has been exceeded", 0.5],
    ["llama-3.1-70b: 4096 of 5000 tokens with ada-002", 0.2808],
    ["maximum context length is 4000 tokens", 0.5],
    ["131072 of 131073 tokens", 0.1],
  ])("%s", (message, share) => {
    expect(overflowShare(refusal(message))).toBeCloseTo(share, 2);
  });
});

describe("an output limit that fits is read from", () => {
  test.each([
    ["input length and `max_tokens` exceed context limit: 197626 + 21333 > 200000, decrease", 2374],
    ["Request length 64000 + 2048 is greater than max_seq_len 65536", 1536],
    [
      "'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum context length is 4096 tokens and your request has 4000 input tokens (5000 > 4096 - 4000).",
      96,
    ],
    [
      "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4000 in the messages, 1000 in the completion).",
      96,
    ],
    [
      "This model's maximum context length is 4096 tokens. However, you requested 6000 tokens (5000 in the messages, 1000 in the completion).",
      undefined,
    ],
    ["prompt is too long: 213456 tokens > 200000 maximum", undefined],
  ])("%s", (message, limit) => {
    expect(fittingLimit(refusal(message))).toBe(limit);
  });
});
