/**
 * Cuts one HTTP answer into its objects and checks each: against our schemas always, against
 * Ollama's description when there is one.
 */
import { schemas } from "./schemas.mjs";

/**
 * @typedef {{ method: string, path: string, status: number, contentType: string, text: string }} Answer
 * @typedef {{ where: string, kind: string, problems: string[] }} Finding
 */

/**
 * @param {Answer} answer
 * @param {((method: string, path: string, contentType: string, value: unknown) => string[])=} describe
 * @returns {Finding[]} one entry per object
 */
export function checkAnswer(answer, describe) {
  const type = answer.contentType.split(";")[0].trim();
  const framing = framings[type];
  if (!framing) return [misfit("answer", `unexpected content type ${answer.contentType}`)];
  const path = answer.path.replace(/[?#].*$/u, "").replace(/(?<=.)\/$/u, "");

  return framing(answer.text).map(({ where, text, last }) => {
    let value;
    try {
      value = JSON.parse(text);
    } catch {
      return misfit(where, `no JSON: ${JSON.stringify(text.slice(0, 120))}`);
    }
    const streamed = type !== "application/json";
    const kind = kindOf(path, answer.status, value, streamed, last);
    if (!kind) return misfit(where, `no schema for ${answer.method} ${path}`);
    const problems = check(kind, value);
    if (answer.status === 200 && describe) {
      const described = streamed ? "application/x-ndjson" : "application/json";
      for (const problem of describe(answer.method, path, described, value)) {
        problems.push(`Ollama's description: ${problem}`);
      }
    }
    return { where, kind, problems };
  });
}

/** What does not fit in one object. */
export function check(kind, value) {
  const result = schemas[kind].safeParse(value);
  if (result.success) return [];
  return result.error.issues.map((issue) => `${issue.path.join(".") || "/"}: ${issue.message}`);
}

const framings = {
  "application/json": (text) => [{ where: "object", text, last: true }],
  "application/x-ndjson": (text) => {
    const lines = text.split("\n");
    if (lines.at(-1) === "") lines.pop();
    return numbered(lines, "line");
  },
  "text/event-stream": (text) => {
    const events = text
      .replace(/\n\n$/u, "")
      .split("\n\n")
      .filter((event) => !event.startsWith(":") && event !== "data: [DONE]");
    return numbered(
      events.map((event) => event.replace(/^data: /u, "")),
      "event",
    );
  },
};

function numbered(texts, word) {
  return texts.map((text, index) => ({
    where: `${word} ${index + 1}`,
    text,
    last: index === texts.length - 1,
  }));
}

/** Answers with one shape. */
const shapes = {
  "/api/version": "version",
  "/api/tags": "tags",
  "/api/ps": "ps",
  "/api/show": "show",
  "/api/status": "cloud status",
  "/api/experimental/model-recommendations": "recommendations",
  "/api/embed": "embed",
  "/api/embeddings": "embeddings",
  "/v1/models": "openai models",
};

/** Tell how far some work is, and in the last line of a stream perhaps that it failed. */
const works = new Set(["/api/create", "/api/pull", "/api/push"]);

function kindOf(path, status, value, streamed, last) {
  if (path.startsWith("/v1/")) return openaiKind(path, status, streamed);
  if (status !== 200) return "error";
  if (works.has(path)) return streamed && last && value?.error ? "error" : "status";
  if (path !== "/api/chat" && path !== "/api/generate") return shapes[path];
  const route = path.slice("/api/".length);
  if (streamed && !last) return `${route} line`;
  if (value?.done_reason === "load" || value?.done_reason === "unload") return `${route} load`;
  if (!streamed) return `${route} answer`;
  return value?.done_reason === "error" ? `${route} failure` : `${route} end`;
}

function openaiKind(path, status, streamed) {
  if (status !== 200) return "openai error";
  if (path === "/v1/chat/completions") return streamed ? "openai chat line" : "openai chat";
  return path.startsWith("/v1/models/") ? "openai model" : shapes[path];
}

function misfit(where, problem) {
  return { where, kind: "unknown", problems: [problem] };
}
