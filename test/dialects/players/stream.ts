import type { Heard, Json, RouteKind } from "./backend.ts";
import type { Answer } from "./answer.ts";
import { completionLogprobs, type StreamStyle } from "./stream-style.ts";

/** The bytes of a streamed answer. */
export function streamText(style: StreamStyle, heard: Heard, answer: Answer): string {
  const chunks = heard.route === "infill" ? infillChunks(answer) : chatChunks(style, heard, answer);
  const events = chunks.map((chunk) => style.event(JSON.stringify(chunk)));
  // llama.cpp's own route has no last word.
  return [style.opening, ...events, heard.route === "infill" ? "" : style.closing].join("");
}

/** The same in one piece. */
export function documentOf(style: StreamStyle, heard: Heard, answer: Answer): Json {
  const content = answer.pieces.join("");
  const said = style.thoughts(answer.thoughts).deltas;
  const message = { role: "assistant", content, ...(said.length > 0 ? joined(said, content) : {}) };
  const tool_calls = answer.calls.map(({ id, name, arguments: json }) => ({
    id,
    type: "function",
    function: { name, arguments: json },
  }));
  const isChat = heard.route === "chat" || style.chatShaped;
  return {
    ...style.chunk,
    object: isChat ? "chat.completion" : "text_completion",
    choices: [
      {
        index: 0,
        ...(isChat
          ? { message: { ...message, ...(tool_calls.length > 0 ? { tool_calls } : {}) } }
          : { text: content }),
        finish_reason: style.finishReasons[answer.finish],
        ...(heard.fields["logprobs"] ? { logprobs: style.logprobs(content) } : {}),
      },
    ],
    usage: style.figures(answer.figures),
  };
}

function joined(deltas: readonly Json[], content: string): Json {
  const [field = "content"] = Object.keys(deltas[0] ?? {}).filter((name) => name !== "role");
  const thoughts = deltas.map((delta) => delta[field]).join("");
  return field === "content" ? { content: `${thoughts}${content}` } : { [field]: thoughts };
}

function chatChunks(style: StreamStyle, heard: Heard, answer: Answer): Json[] {
  const isChat = heard.route === "chat" || style.chatShaped;
  const { deltas, closing } = style.thoughts(answer.thoughts);
  const thoughts = answer.thoughts.length > 0 ? deltas : [];
  const usage = usageOf(style, heard, answer);
  const everywhere = style.usage === "each" ? usage : {};
  const chunk = (choice: Json, beside: Json = {}) => ({
    ...style.chunk,
    ...(isChat ? {} : { object: "text_completion" }),
    choices: [{ index: 0, ...style.choice, ...choice }],
    ...everywhere,
    ...beside,
  });
  const unfinished = style.saysUnfinished ? { finish_reason: null } : {};
  const say = (delta: Json, beside: Json = {}) =>
    chunk({ delta: { ...style.delta, ...delta }, ...unfinished, ...beside });
  const text = (piece: string, at: number) => {
    const words = at === 0 && thoughts.length > 0 ? `${closing}${piece}` : piece;
    const logprobs = logprobsOf(style, heard.route, heard.fields["logprobs"], piece);
    return isChat
      ? say(style.text(words), logprobs)
      : chunk({ text: words, ...unfinished, ...logprobs });
  };
  const calls = answer.calls.length > 0 ? style.calls(answer.calls) : [];
  const finishing = style.callsFinish && calls.length > 0;
  const finishDelta = finishing ? (calls.at(-1) ?? {}) : style.finishDelta;
  const reason = { finish_reason: style.finishReasons[answer.finish] };
  const own = style.usage.startsWith("own chunk");
  const finishUsage = own || style.usage === "never" || style.usage === "choice" ? {} : usage;
  return [
    ...style.leading,
    ...(isChat && style.firstDelta !== undefined ? [say(style.firstDelta)] : []),
    ...(isChat ? thoughts.map((delta) => say(delta)) : []),
    ...(isChat && thoughts.length > 0 && answer.pieces.length === 0 && closing !== ""
      ? [say(style.text(closing))]
      : []),
    ...answer.pieces.map(text),
    ...(finishing ? [] : calls.map((delta) => say(delta))),
    chunk(
      {
        ...(isChat ? { delta: { ...style.delta, ...finishDelta } } : { text: "" }),
        ...reason,
        ...(style.usage === "choice" ? usage : {}),
      },
      { ...finishUsage, ...style.finish(answer.figures) },
    ),
    ...style.trailing,
    ...(own && "usage" in usage ? [{ ...style.chunk, ...style.usageChunk, ...usage }] : []),
  ];
}

function usageOf(style: StreamStyle, heard: Heard, answer: Answer): Json {
  const asked = style.usage !== "own chunk" || heard.fields["usage"] === true;
  const told = style.usage !== "never" && (style.usageWithTools || answer.calls.length === 0);
  return asked && told ? { usage: style.figures(answer.figures) } : {};
}

function logprobsOf(style: StreamStyle, route: RouteKind, asked: unknown, piece: string): Json {
  if (asked === undefined || asked === false) return {};
  const legacy = route === "completion" && style.legacyLogprobs;
  return { logprobs: legacy ? completionLogprobs(piece) : style.logprobs(piece) };
}

/** llama.cpp's own shape. */
function infillChunks({ pieces, figures, finish }: Answer): Json[] {
  return [
    ...pieces.map((content) => ({ index: 0, content, stop: false })),
    {
      index: 0,
      content: "",
      stop: true,
      stop_type: finish === "length" ? "limit" : "eos",
      tokens_predicted: figures.text,
      tokens_evaluated: figures.prompt,
      timings: { cache_n: 0, prompt_n: figures.prompt, predicted_n: figures.text },
    },
  ];
}
