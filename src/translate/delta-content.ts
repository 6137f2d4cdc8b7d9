import { ProxyError } from "../errors.ts";
import { asArray, asObject, asText, isObject, type JsonObject } from "../openai/json.ts";

/** The first that says something counts: some backends send the same thoughts in two of them. */
const reasoningFields = ["reasoning_content", "reasoning", "reasoning_text"] as const;

interface Content {
  readonly text: string;
  readonly thinking: string;
}

/** What one delta, or one whole message, says and thinks. @throws ProxyError for no kind of content. */
export function readContent(delta: JsonObject): Content {
  const content = delta["content"];
  let text = "";
  let thinking = "";
  if (typeof content === "string") text = content;
  else if (Array.isArray(content)) ({ text, thinking } = readParts(content));
  else if (content !== undefined && content !== null) {
    throw new ProxyError("upstream_malformed", "invalid response from upstream");
  }
  if (text === "") text = asText(delta["refusal"]) ?? "";
  for (const field of reasoningFields) {
    if (thinking === "") thinking = asText(delta[field]) ?? "";
  }
  if (thinking === "" && delta["reasoning_details"] !== undefined) {
    thinking = asArray(delta["reasoning_details"]).map(thoughtsOf).join("");
  }
  return { text, thinking };
}

/** Mistral: `[{type:"thinking", thinking:[{type:"text", text}]}, {type:"text", text}]`. */
function readParts(parts: readonly unknown[]): Content {
  let text = "";
  let thinking = "";
  for (const part of parts) {
    const type = asObject(part)?.["type"];
    if (type === "thinking" || type === "reasoning") thinking += thoughtsOf(part);
    else text += textOf(part);
  }
  return { text, thinking };
}

/** Also OpenRouter's `reasoning_details`, of which encrypted ones have neither field. */
function thoughtsOf(part: unknown): string {
  if (!isObject(part)) return "";
  const { thinking, reasoning, text, summary } = part;
  const thoughts = [thinking, reasoning, text, summary].find((told) => told !== undefined);
  return typeof thoughts === "string" ? thoughts : asArray(thoughts).map(textOf).join("");
}

function textOf(part: unknown): string {
  return typeof part === "string" ? part : (asText(asObject(part)?.["text"]) ?? "");
}
