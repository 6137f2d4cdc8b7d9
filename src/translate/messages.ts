import { invalidRequest } from "../errors.ts";
import type { Dialect } from "../dialects/dialect.ts";
import { illegalBase64, type Media } from "../ollama/media.ts";
import type { Message } from "../ollama/requests.ts";
import type { ChatCompletionMessage, ContentPart } from "../openai/requests.ts";
import type { Backend } from "./backend.ts";
import { ToolTurns, type Call } from "./tool-turns.ts";

type Content = NonNullable<ChatCompletionMessage["content"]>;

/**
 * Ollama's messages to OpenAI's.
 * @param thinks whether the model is to think, as far as the client said
 * @throws ProxyError 400 for media that the backend does not take
 */
export function toChatCompletionMessages(
  messages: readonly Message[],
  backend: Backend,
  thinks: boolean,
): ChatCompletionMessage[] {
  const { dialect } = backend;
  const turns = new ToolTurns();
  for (const message of messages) {
    const content = toContent(message.content, message.images, backend);
    if (message.role === "tool") turns.addResult(content, message);
    else {
      const role = message.role === "" ? "user" : message.role;
      const plain = { role, content, ...thoughtsOf(message, dialect, thinks) };
      turns.add(plain, message.toolCalls);
    }
  }
  const lowered = turns.messages((message, calls) => withCalls(message, calls, dialect));
  return dialect.tool_result_names ? lowered : lowered.map(withoutName);
}

/** Puts messages into the order and the roles that a backend insists on. */
export function arrange(
  messages: readonly ChatCompletionMessage[],
  dialect: Dialect,
): readonly ChatCompletionMessage[] {
  const folded = dialect.system_role ? messages : foldSystem(messages);
  return dialect.alternating_roles ? byTurns(folded) : folded;
}

function withCalls(
  message: ChatCompletionMessage,
  calls: readonly Call[],
  { tool_call_fields, empty_content }: Dialect,
): ChatCompletionMessage {
  const tool_calls = calls.map((call) => ({
    id: call.id,
    type: "function" as const,
    function: { name: call.name, arguments: argumentsText(call.arguments) },
    ...tool_call_fields,
  }));
  if (message.content !== "" || empty_content) return { ...message, tool_calls };
  const { content: _, ...bare } = message;
  return { ...bare, tool_calls };
}

/** Most backends know no `name` of a result, and some refuse it. */
function withoutName(message: ChatCompletionMessage): ChatCompletionMessage {
  if (message.name === undefined) return message;
  const { name: _, ...unnamed } = message;
  return unnamed;
}

/** Puts words into the system message, for what a backend has no field for. */
export function instruct(
  messages: readonly ChatCompletionMessage[],
  instruction: string,
): ChatCompletionMessage[] {
  const [first, ...rest] = messages;
  if (first?.role === "system")
    return [{ ...first, content: join(first.content, instruction) }, ...rest];
  return [{ role: "system", content: instruction }, ...messages];
}

/** Whether earlier thoughts go back to the model. */
export function sendsThoughts({ thoughts }: Dialect, thinks: boolean): boolean {
  return thoughts !== "drop" && (thinks || thoughts !== "required_reasoning_content");
}

/** What a model thought earlier, under the dialect's name; most backends want it left out. */
function thoughtsOf(
  { role, thinking, toolCalls }: Message,
  dialect: Dialect,
  thinks: boolean,
): Record<string, string> {
  if (role !== "assistant" || !sendsThoughts(dialect, thinks)) return {};
  const required = dialect.thoughts === "required_reasoning_content";
  const name = required ? "reasoning_content" : dialect.thoughts;
  // Where they are required beside calls, an empty text will do.
  if (required && toolCalls.length > 0) return { [name]: thinking ?? "" };
  return thinking ? { [name]: thinking } : {};
}

/** A string is the only shape that every backend takes; parts only where there is an image. */
function toContent(text: string, media: readonly Media[], backend: Backend): Content {
  const content = text.toWellFormed();
  if (media.length === 0) return content;
  return [
    ...(content === "" ? [] : [{ type: "text" as const, text: content }]),
    ...media.map((medium) => toPart(medium, backend)),
  ];
}

function toPart(medium: Media, { model, dialect, imageUrls }: Backend): ContentPart {
  switch (medium.kind) {
    case "url":
      if (!imageUrls) throw illegalBase64(medium.url.indexOf(":"));
      return { type: "image_url", image_url: { url: medium.url } };
    case "audio":
      if (!dialect.audio) throw invalidRequest(`"${model}" does not support audio`);
      return {
        type: "input_audio",
        input_audio: { data: medium.base64, format: medium.format },
      };
    case "image": {
      const { mediaType, base64 } = medium;
      if (dialect.images.length === 0) throw invalidRequest(`"${model}" does not support images`);
      if (!dialect.images.includes(mediaType)) {
        throw invalidRequest(`"${model}" does not support images of type ${mediaType}`);
      }
      return { type: "image_url", image_url: { url: `data:${mediaType};base64,${base64}` } };
    }
  }
}

/** For models whose template knows no system message: its words lead the first user's. */
function foldSystem(messages: readonly ChatCompletionMessage[]): ChatCompletionMessage[] {
  const [system, others] = splitSystem(messages);
  if (system === undefined) return others;
  const at = others.findIndex(({ role }) => role === "user");
  const user = others[at];
  if (user === undefined) return [{ role: "user", content: system }, ...others];
  return others.with(at, { ...user, content: join(system, user.content) });
}

/**
 * For backends that want one system message, and then user and assistant by turns, the user first.
 * Calls and their results stay as they are.
 */
function byTurns(messages: readonly ChatCompletionMessage[]): ChatCompletionMessage[] {
  const [system, others] = splitSystem(messages);
  const turns: ChatCompletionMessage[] = [];
  if (others[0]?.role === "assistant") turns.push({ role: "user", content: nothingAsked });
  for (const message of others) {
    const last = turns.at(-1);
    const mergeable =
      last?.role === message.role && message.role !== "tool" && last.tool_calls === undefined;
    if (!mergeable) turns.push(message);
    else
      turns[turns.length - 1] = {
        ...last,
        ...message,
        content: join(last.content, message.content),
      };
  }
  return system === undefined ? turns : [{ role: "system", content: system }, ...turns];
}

/** Stands for the user where the assistant spoke first. */
const nothingAsked = ".";

/** All system messages as one, and the others. */
function splitSystem(
  messages: readonly ChatCompletionMessage[],
): [system: Content | undefined, others: ChatCompletionMessage[]] {
  const system = messages.filter(({ role }) => role === "system");
  const others = messages.filter(({ role }) => role !== "system");
  return [
    system.length === 0 ? undefined : system.map(({ content }) => content).reduce(join),
    others,
  ];
}

function join(a: Content = "", b: Content = ""): Content {
  if (typeof a === "string" && typeof b === "string") return a === "" ? b : `${a}\n\n${b}`;
  return [...toParts(a), ...toParts(b)];
}

function toParts(content: Content): readonly ContentPart[] {
  if (typeof content !== "string") return content;
  return content === "" ? [] : [{ type: "text", text: content }];
}

function argumentsText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
