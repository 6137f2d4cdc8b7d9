import type { ChatResponse, GenerateResponse, Metrics } from "../ollama/responses.ts";

/** The lines of a stream as the one object of `stream: false`: texts, calls and logprobs joined. */
export function joinChat(lines: readonly ChatResponse[]): ChatResponse {
  const { message: _, ...last } = lastOf(lines);
  const messages = lines.map((line) => line.message);
  return ordered(last, lines, {
    message: {
      role: "assistant",
      content: messages.map((message) => message.content).join(""),
      ...joinExtras(messages),
    },
  });
}

export function joinGenerate(lines: readonly GenerateResponse[]): GenerateResponse {
  const { response: _, ...last } = lastOf(lines);
  return ordered(last, lines, {
    response: lines.map((line) => line.response).join(""),
    ...joinExtras(lines),
  });
}

/** Real Ollama's order of members, which people compare by eye. */
function ordered<Answer, Last extends Partial<Metrics> & { model: string; created_at: string }>(
  last: Last,
  lines: readonly (ChatResponse | GenerateResponse)[],
  answer: Answer,
) {
  const { model, created_at, ...ending } = last;
  const logprobs = lines.flatMap((line) => line.logprobs ?? []);
  return {
    model,
    created_at,
    ...answer,
    ...ending,
    ...(logprobs.length === 0 ? {} : { logprobs }),
  };
}

function joinExtras(parts: readonly Pick<GenerateResponse, "thinking" | "tool_calls">[]) {
  const thinking = parts.map((part) => part.thinking ?? "").join("");
  const calls = parts.flatMap((part) => part.tool_calls ?? []);
  return {
    ...(thinking === "" ? {} : { thinking }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

function lastOf<Line>(lines: readonly Line[]): Line {
  const last = lines.at(-1);
  if (last === undefined) throw new Error("an answer has at least its last line");
  return last;
}
