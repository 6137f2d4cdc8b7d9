import { anthropic } from "./anthropic.ts";
import { cerebras } from "./cerebras.ts";
import { cohere } from "./cohere.ts";
import { deepseek } from "./deepseek.ts";
import type { Dialect } from "./dialect.ts";
import { fireworks } from "./fireworks.ts";
import { gemini } from "./gemini.ts";
import { genericLocal } from "./generic-local.ts";
import { generic } from "./generic.ts";
import { glm } from "./glm.ts";
import { groq, groqQwenThinking } from "./groq.ts";
import { kimi } from "./kimi.ts";
import { koboldcpp } from "./koboldcpp.ts";
import { llamaCppPython, llamacpp } from "./llamacpp.ts";
import { lmstudio } from "./lmstudio.ts";
import { localai } from "./localai.ts";
import { mistral } from "./mistral.ts";
import { mlx } from "./mlx.ts";
import { nim } from "./nim.ts";
import { ollama } from "./ollama.ts";
import {
  azure,
  githubModels,
  gpt51Thinking,
  gpt52Thinking,
  gpt5Thinking,
  openai,
  openaiReasoning,
  openaiReasoningFields,
} from "./openai.ts";
import { openrouter } from "./openrouter.ts";
import { perplexity } from "./perplexity.ts";
import { qwen } from "./qwen.ts";
import { tabbyapi } from "./tabbyapi.ts";
import { tgi } from "./tgi.ts";
import { together } from "./together.ts";
import { sglang, vllm } from "./vllm.ts";
import { xai, xaiReasoning, xaiReasoningFields } from "./xai.ts";

/** Every dialect, by the name it has in the configuration. */
export const dialects = {
  openai,
  "openai-reasoning": openaiReasoning,
  azure,
  "github-models": githubModels,
  vllm,
  sglang,
  llamacpp,
  "llama-cpp-python": llamaCppPython,
  lmstudio,
  mlx,
  tabbyapi,
  koboldcpp,
  localai,
  tgi,
  nim,
  ollama,
  openrouter,
  groq,
  mistral,
  deepseek,
  gemini,
  anthropic,
  together,
  fireworks,
  xai,
  "xai-reasoning": xaiReasoning,
  cerebras,
  cohere,
  perplexity,
  kimi,
  qwen,
  glm,
  generic,
  "generic-local": genericLocal,
} as const satisfies Record<string, Dialect>;

export type DialectId = keyof typeof dialects;

export const dialectIds = Object.keys(dialects) as [DialectId, ...DialectId[]];

/** Where the hosted ones live. */
const hosts: readonly (readonly [RegExp, DialectId])[] = [
  [/(^|\.)api\.openai\.com$/, "openai"],
  [/^models\.inference\.ai\.azure\.com$/, "github-models"],
  [/^models\.github\.ai$/, "github-models"],
  [/\.(openai|services\.ai|cognitiveservices)\.azure\.(com|us|cn)$/, "azure"],
  [/^integrate\.api\.nvidia\.com$/, "nim"],
  [/(^|\.)openrouter\.ai$/, "openrouter"],
  [/^api\.groq\.com$/, "groq"],
  [/^(api|codestral)\.mistral\.ai$/, "mistral"],
  [/^api\.deepseek\.com$/, "deepseek"],
  [/^generativelanguage\.googleapis\.com$/, "gemini"],
  [/^api\.anthropic\.com$/, "anthropic"],
  [/^api\.together\.(xyz|ai)$/, "together"],
  [/^api\.fireworks\.ai$/, "fireworks"],
  [/(^|\.)api\.x\.ai$/, "xai"],
  [/^api\.cerebras\.ai$/, "cerebras"],
  [/^api\.cohere\.(ai|com)$/, "cohere"],
  [/^api\.perplexity\.ai$/, "perplexity"],
  [/^api\.moonshot\.(ai|cn)$/, "kimi"],
  [/^dashscope[a-z-]*\.aliyuncs\.com$/, "qwen"],
  [/^api\.z\.ai$/, "glm"],
  [/^open\.bigmodel\.cn$/, "glm"],
];

/** The dialect of a backend about which only its address is known. */
export function dialectForAddress({ hostname }: URL): Dialect {
  const host = hostname.replace(/\.$/, "").toLowerCase();
  const hosted = hosts.find(([pattern]) => pattern.test(host))?.[1];
  return dialects[hosted ?? (isPrivateHost(host) ? "generic-local" : "generic")];
}

/** Models that differ from others of their backend. */
interface Variant {
  readonly of: readonly DialectId[];
  readonly models: RegExp;
  readonly is: Partial<Dialect>;
}

const openaiHosts = ["openai", "openai-reasoning", "azure", "github-models"] as const;

/** Every row that fits counts, the later over the earlier. */
const variants: readonly Variant[] = [
  {
    of: openaiHosts,
    models: /(^|[/:])(o\d|gpt-[5-9](?!-chat))([-.:@]|$)/i,
    is: { ...openaiReasoningFields, id: "openai-reasoning" },
  },
  { of: openaiHosts, models: /(^|[/:])gpt-5(?!-chat)([-:@]|$)/i, is: { think: gpt5Thinking } },
  { of: openaiHosts, models: /(^|[/:])gpt-5\.1/i, is: { think: gpt51Thinking } },
  { of: openaiHosts, models: /(^|[/:])gpt-(5\.[2-9]|[6-9])/i, is: { think: gpt52Thinking } },
  {
    of: ["xai"],
    models: /(^|\/)grok-(3-mini|[4-9]|code)(?!.*non-reasoning)/i,
    is: { ...xaiReasoningFields, id: "xai-reasoning" },
  },
  { of: ["groq"], models: /qwen/i, is: { think: groqQwenThinking } },
];

/** A backend's dialect as one of its models has it: what all hosts of that model refuse or add. */
export function dialectForModel(dialect: Dialect, modelId: string): Dialect {
  const fitting = variants.filter(
    ({ of, models }) => of.some((id) => id === dialect.id) && models.test(modelId),
  );
  return fitting.reduce<Dialect>((variant, { is }) => ({ ...variant, ...is }), dialect);
}

/**
 * Loopback, unspecified, RFC 1918, link-local and unique-local addresses, and names that stay in a
 * local net.
 */
function isPrivateHost(hostname: string): boolean {
  const host = unmapped(hostname.replace(/^\[|\]$/g, ""));
  return (
    host === "localhost" ||
    /\.(localhost|local|internal|lan)$/.test(host) ||
    /^(127|10)\.\d+\.\d+\.\d+$/.test(host) ||
    /^192\.168\.\d+\.\d+$/.test(host) ||
    /^169\.254\.\d+\.\d+$/.test(host) ||
    /^172\.(1[6-9]|2\d|3[01])\.\d+\.\d+$/.test(host) ||
    host === "0.0.0.0" ||
    host === "::" ||
    host === "::1" ||
    /^f[cd][0-9a-f]{2}:/.test(host) ||
    host.startsWith("fe80:") ||
    (!host.includes(".") && !host.includes(":"))
  );
}

/** An IPv4 address inside an IPv6 one, which a URL has as `::ffff:7f00:1`, by itself. */
function unmapped(host: string): string {
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(host);
  if (mapped === null) return host;
  const pairs = mapped.slice(1).map((digits) => Number.parseInt(digits, 16));
  return pairs.flatMap((pair) => [pair >> 8, pair & 0xff]).join(".");
}
