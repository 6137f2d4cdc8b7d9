import { ApiError } from "./api-error.ts";
import { asArray, asObject, asString, asStrings, type JsonObject } from "./json-values.ts";

/** A chat completion request, as far as the demo backend cares. */
export interface ChatRequest {
  readonly messages: readonly Message[];
  /** The tools it may call: none where `tool_choice` forbids it. */
  readonly tools: readonly Tool[];
  readonly thinks: boolean;
  /** Any JSON object, one that a schema describes, or (undefined) plain text. */
  readonly format: "json" | { readonly schema: unknown } | undefined;
  readonly stop: readonly string[];
  /** The most pieces an answer may have. */
  readonly maxPieces: number;
  /** The number of alternatives a piece, or undefined where no log probability is asked for. */
  readonly topLogprobs: number | undefined;
}

interface Message {
  readonly role: string;
  readonly text: string;
  readonly imageUrls: readonly string[];
  readonly toolCalls: readonly { readonly id: string; readonly name: string }[];
  /** Of a tool's result: the call that it answers. */
  readonly toolCallId: string;
}

interface Tool {
  readonly name: string;
  readonly parameters: JsonObject;
}

export function readChatRequest(body: JsonObject): ChatRequest {
  const messages = asArray(body["messages"]).map(readMessage);
  if (messages.length === 0) {
    throw new ApiError(400, "'messages' must be an array with at least one message.", {
      param: "messages",
    });
  }
  return {
    messages,
    tools: readTools(body),
    thinks: readThinks(body),
    format: readFormat(asObject(body["response_format"])),
    stop: asStrings(body["stop"]),
    maxPieces: readMaxPieces(body),
    topLogprobs: body["logprobs"] === true ? Number(body["top_logprobs"]) || 0 : undefined,
  };
}

/** Both limits have been OpenAI's name for the same; nothing or no positive number is no limit. */
export function readMaxPieces({ max_completion_tokens, max_tokens }: JsonObject): number {
  const limit = max_completion_tokens ?? max_tokens;
  return typeof limit === "number" && limit > 0 ? limit : Infinity;
}

export function readIncludeUsage(body: JsonObject): boolean {
  return asObject(body["stream_options"])["include_usage"] === true;
}

function readMessage(value: unknown): Message {
  const { role, content, tool_calls, tool_call_id } = asObject(value);
  const parts = asArray(content).map(asObject);
  return {
    role: asString(role),
    text: asString(content) || parts.map((part) => asString(part["text"])).join(""),
    imageUrls: parts.flatMap((part) => asStrings(asObject(part["image_url"])["url"])),
    toolCalls: asArray(tool_calls).map((call) => ({
      id: asString(asObject(call)["id"]),
      name: asString(asObject(asObject(call)["function"])["name"]),
    })),
    toolCallId: asString(tool_call_id),
  };
}

function readTools({ tools, tool_choice }: JsonObject): readonly Tool[] {
  if (tool_choice === "none") return [];
  const chosen = asObject(asObject(tool_choice)["function"])["name"];
  return asArray(tools)
    .map((tool) => asObject(asObject(tool)["function"]))
    .map(({ name, parameters }) => ({ name: asString(name), parameters: asObject(parameters) }))
    .filter(({ name }) => name !== "" && (chosen === undefined || name === chosen));
}

/** The two switches in use: of the servers that render chat templates, and OpenAI's own. */
function readThinks({ chat_template_kwargs, reasoning_effort }: JsonObject): boolean {
  return (
    asObject(chat_template_kwargs)["enable_thinking"] === true ||
    (typeof reasoning_effort === "string" && reasoning_effort !== "none")
  );
}

function readFormat({ type, json_schema }: JsonObject): ChatRequest["format"] {
  if (type === "json_object") return "json";
  if (type === "json_schema") return { schema: asObject(json_schema)["schema"] };
  return undefined;
}
