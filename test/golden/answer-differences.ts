import type { Difference } from "./comparison.ts";

/** Routes that are not built yet, with the recorded cases that belong to them. */
export const later: readonly { paths: RegExp; cases?: RegExp; reason: string }[] = [
  { paths: /^\/api\/(?:embed|embeddings)$/u, reason: "embeddings" },
  { paths: /^\/api\/(?:create|copy|delete)$/u, reason: "models of one's own" },
  { paths: /^\/api\/(?:show|generate)$/u, cases: /-created/u, reason: "asks for a created model" },
  { paths: /^\/api\/(?:pull|push)$/u, reason: "a registry" },
  { paths: /^\/api\/blobs\//u, reason: "files of models" },
  { paths: /^\/api\/(?:status|me|signout)$/u, reason: "ollama.com accounts" },
];

export const answerDifferences: readonly Difference[] = [];
