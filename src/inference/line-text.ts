import type { ChatResponse, GenerateResponse } from "../ollama/responses.ts";
import { toJsonText } from "../server/json-text.ts";
import type { ResponseIdentity } from "../translate/response-encoder.ts";

/** Prints the objects of one answer. */
export type LineText<Response> = (line: Response) => string;

/**
 * Nearly every line of a stream differs from the one before in its text alone, so only the text is
 * printed anew; a line with anything else in it goes the general way. Both give the same bytes.
 */
export function chatLineText({ model, createdAt }: ResponseIdentity): LineText<ChatResponse> {
  const head = `{"model":${toJsonText(model)},"created_at":"${createdAt}","message":{"role":"assistant","content":`;
  return (line) =>
    isPlain(line) && line.message.thinking === undefined && line.message.tool_calls === undefined
      ? `${head}${toJsonText(line.message.content)}},"done":false}`
      : toJsonText(line);
}

export function generateLineText({
  model,
  createdAt,
}: ResponseIdentity): LineText<GenerateResponse> {
  const head = `{"model":${toJsonText(model)},"created_at":"${createdAt}","response":`;
  return (line) =>
    isPlain(line) && line.thinking === undefined && line.tool_calls === undefined
      ? `${head}${toJsonText(line.response)},"done":false}`
      : toJsonText(line);
}

function isPlain(line: ChatResponse | GenerateResponse): boolean {
  return !line.done && line.logprobs === undefined;
}
