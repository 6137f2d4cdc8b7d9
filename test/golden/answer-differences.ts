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

const JSON_TYPE = "application/json; charset=utf-8";

function error(text: string): string {
  return `${JSON.stringify({ error: text })}\n`;
}

/** A body that real Ollama refuses, in our words: ours name the field as the client knows it. */
function refusal(cases: readonly string[], text: string): Difference {
  return { cases, reason: "the text names the field, not Go's types", body: error(text) };
}

/** Replaces what a refusal was by an answer of the model, which says only "ok" here. */
function answered(whole: boolean, kind: "chat" | "generate"): Partial<Difference> {
  const piece = kind === "chat" ? '"message":{"role":"assistant","content":"ok"}' : '"response":"ok"';
  const line = `{"model":"smol","created_at":"<time>",${piece},"done":`;
  const last = /,"done":true,"done_reason":"stop",.*"eval_duration":"<nanoseconds>"\}\n$/u.source;
  const start = whole ? line.slice(0, -8) : `${line}false}\n`;
  return {
    status: 200,
    headers: whole
      ? { "content-type": JSON_TYPE }
      : { "content-type": "application/x-ndjson", "transfer-encoding": "chunked" },
    body: new RegExp(`^${RegExp.escape(start)}.*${last}`, "u"),
  };
}

export const answerDifferences: readonly Difference[] = [
  {
    cases: ({ status, reply_headers: headers }) => status !== 403 && headers?.["vary"] === undefined,
    reason: "answers differ by Origin, so caches are told of it on every answer",
    headers: { vary: "Origin" },
  },
];
export { refusal, answered };
