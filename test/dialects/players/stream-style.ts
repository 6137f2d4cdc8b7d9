import type { Json } from "./backend.ts";

export interface Call {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

export interface Figures {
  readonly prompt: number;
  readonly thoughts: number;
  readonly text: number;
}

export type Finish = "stop" | "length" | "tool_calls";

/** How a backend's stream looks. */
export interface StreamStyle {
  /** Text before the first event, and after the last. */
  readonly opening: string;
  readonly closing: string;
  readonly event: (data: string) => string;
  /** Members of each chunk besides its choices. */
  readonly chunk: Json;
  /** Members of each choice besides what it says. */
  readonly choice: Json;
  readonly firstDelta: Json | undefined;
  /** Members of each delta that says something. */
  readonly delta: Json;
  /** Deltas of the thoughts, and the text that parts them from the answer. */
  readonly thoughts: (pieces: readonly string[]) => ThoughtDeltas;
  readonly text: (piece: string) => Json;
  readonly calls: (calls: readonly Call[]) => readonly Json[];
  /** The calls, the finish and the usage are one chunk. */
  readonly callsFinish: boolean;
  readonly finishReasons: Readonly<Record<Finish, string>>;
  /** Whether chunks before the last say `finish_reason: null`. */
  readonly saysUnfinished: boolean;
  readonly finishDelta: Json;
  readonly usage: "own chunk" | "own chunk, unasked" | "finish" | "each" | "choice" | "never";
  readonly usageWithTools: boolean;
  readonly figures: (figures: Figures) => Json;
  /** Members of the chunk that finishes. */
  readonly finish: (figures: Figures) => Json;
  /** Members of the chunk that has only the usage. */
  readonly usageChunk: Json;
  /** Chunks after the finish. */
  readonly trailing: readonly Json[];
  readonly leading: readonly Json[];
  readonly logprobs: (piece: string) => Json;
  /** Whether `/completions` has a form of its own for them. */
  readonly legacyLogprobs: boolean;
  /** The answer of `/completions` has the shape of a chat. */
  readonly chatShaped: boolean;
}

interface ThoughtDeltas {
  readonly deltas: readonly Json[];
  readonly closing: string;
}

export const openaiStyle: StreamStyle = {
  opening: "",
  closing: "data: [DONE]\n\n",
  event: (data) => `data: ${data}\n\n`,
  chunk: { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1_760_000_000, model: "m" },
  choice: {},
  firstDelta: { role: "assistant", content: "" },
  delta: {},
  thoughts: () => ({ deltas: [], closing: "" }),
  text: (piece) => ({ content: piece }),
  calls: splitCalls,
  callsFinish: false,
  finishReasons: { stop: "stop", length: "length", tool_calls: "tool_calls" },
  saysUnfinished: true,
  finishDelta: {},
  usage: "own chunk",
  usageWithTools: true,
  figures: ({ prompt, thoughts, text }) => ({
    prompt_tokens: prompt,
    completion_tokens: thoughts + text,
    total_tokens: prompt + thoughts + text,
  }),
  finish: () => ({}),
  usageChunk: { choices: [] },
  trailing: [],
  leading: [],
  logprobs: chatLogprobs,
  legacyLogprobs: true,
  chatShaped: false,
};

export function thoughtsIn(field: string, beside: Json = {}): StreamStyle["thoughts"] {
  return (pieces) => ({
    deltas: pieces.map((piece) => ({ ...beside, [field]: piece })),
    closing: "",
  });
}

/** Thoughts in the text; the opening tag may be left to the template. */
export function thoughtsBetween(open: string, close: string): StreamStyle["thoughts"] {
  return (pieces) => ({
    deltas: pieces.map((piece, at) => ({ content: at === 0 ? `${open}${piece}` : piece })),
    closing: close,
  });
}

/** Id and name first, then the arguments in pieces. */
function splitCalls(calls: readonly Call[]): Json[] {
  return calls.flatMap((call, index) => {
    const middle = Math.ceil(call.arguments.length / 2);
    const more = (piece: string) => ({ tool_calls: [{ index, function: { arguments: piece } }] });
    return [
      {
        tool_calls: [
          { index, id: call.id, type: "function", function: { name: call.name, arguments: "" } },
        ],
      },
      more(call.arguments.slice(0, middle)),
      more(call.arguments.slice(middle)),
    ];
  });
}

/** Each call in one delta. */
export function wholeCalls(calls: readonly Call[]): Json[] {
  return calls.map((call, index) => ({
    tool_calls: [
      {
        id: call.id,
        type: "function",
        function: { name: call.name, arguments: call.arguments },
        index,
      },
    ],
  }));
}

/** All calls in one delta, without index and type. */
export function callsWithoutIndex(calls: readonly Call[]): Json[] {
  return [
    {
      content: null,
      tool_calls: calls.map(({ id, name, arguments: json }) => ({
        id,
        function: { name, arguments: json },
      })),
    },
  ];
}

function chatLogprobs(piece: string): Json {
  const token = (logprob: number, words: string) => ({
    token: words,
    logprob,
    bytes: [...Buffer.from(words)],
  });
  return {
    content: [{ ...token(-0.1, piece), top_logprobs: [token(-0.1, piece), token(-2.5, "x")] }],
  };
}

export function completionLogprobs(piece: string): Json {
  return {
    tokens: [piece],
    token_logprobs: [-0.1],
    top_logprobs: [{ [piece]: -0.1, x: -2.5 }],
    text_offset: [0],
  };
}
