import type { Backend } from "./backend.ts";
import { nim, ollama, sglang, tgi, vllm } from "./backends/engines.ts";
import {
  genericLocal,
  koboldcpp,
  llamaCppPython,
  llamacpp,
  lmstudio,
  localai,
  mlx,
  tabbyapi,
} from "./backends/local.ts";
import {
  anthropic,
  cohere,
  deepseek,
  gemini,
  glm,
  kimi,
  mistral,
  perplexity,
  qwen,
  xai,
  xaiReasoning,
} from "./backends/makers.ts";
import { azure, generic, githubModels, openai, openaiReasoning } from "./backends/openai.ts";
import { cerebras, fireworks, groq, openrouter, together } from "./backends/routers.ts";

/** Every family of backends, by the name that the configuration calls it. */
export const backends = {
  llamacpp,
  "llama-cpp-python": llamaCppPython,
  lmstudio,
  ollama,
  koboldcpp,
  tabbyapi,
  localai,
  mlx,
  vllm,
  sglang,
  tgi,
  nim,
  openai,
  "openai-reasoning": openaiReasoning,
  azure,
  "github-models": githubModels,
  anthropic,
  gemini,
  mistral,
  deepseek,
  xai,
  "xai-reasoning": xaiReasoning,
  cohere,
  perplexity,
  kimi,
  qwen,
  glm,
  openrouter,
  groq,
  cerebras,
  together,
  fireworks,
  generic,
  "generic-local": genericLocal,
} as const satisfies Readonly<Record<string, Backend>>;

export type BackendName = keyof typeof backends;

export const backendNames = Object.keys(backends) as BackendName[];
