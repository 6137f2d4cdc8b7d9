/** What a model has said, in one shape for OpenAI's answers and Ollama's. */
export interface Answer {
  text: string;
  thinking: string;
  calls: { name: string; arguments: unknown }[];
  logprobs: Logprob[];
  finish: string | undefined;
  counts: (number | undefined)[];
}

interface Logprob {
  token: string;
  logprob: number;
  bytes?: number[];
  top_logprobs?: Logprob[];
}

/** An answer of `/v1/chat/completions` or `/v1/completions` in one piece. */
export interface Completion {
  choices: [
    {
      finish_reason: string;
      text?: string;
      message?: {
        content?: string | null;
        reasoning_content?: string;
        tool_calls?: { function: { name: string; arguments: string } }[];
      };
      logprobs?: { content?: Logprob[] } | null;
    },
  ];
  usage: { prompt_tokens: number; completion_tokens: number };
}

export function readCompletion({ choices: [choice], usage }: Completion): Answer {
  const { message, text, finish_reason, logprobs } = choice;
  return {
    text: text ?? message?.content ?? "",
    thinking: message?.reasoning_content ?? "",
    calls: (message?.tool_calls ?? []).map(({ function: called }) => ({
      name: called.name,
      arguments: JSON.parse(called.arguments) as unknown,
    })),
    logprobs: (logprobs?.content ?? []).map(comparable),
    finish: finish_reason === "length" ? "length" : "stop",
    counts: [usage.prompt_tokens, usage.completion_tokens],
  };
}

/** A line of `/api/chat` or `/api/generate`, or all that they answer in one piece. */
interface Line {
  message?: {
    content: string;
    thinking?: string;
    tool_calls?: { function: { name: string; arguments: unknown } }[];
  };
  response?: string;
  thinking?: string;
  logprobs?: Logprob[];
  done_reason?: string;
  prompt_eval_count?: number;
  eval_count?: number;
}

export function readLines(body: string): Answer {
  const lines = body
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
  const last = lines.at(-1);
  return {
    text: lines.map(({ message, response }) => message?.content ?? response).join(""),
    thinking: lines.map(({ message, thinking }) => message?.thinking ?? thinking).join(""),
    calls: lines.flatMap(({ message }) =>
      (message?.tool_calls ?? []).map(({ function: called }) => ({
        name: called.name,
        arguments: called.arguments,
      })),
    ),
    logprobs: lines.flatMap(({ logprobs }) => logprobs ?? []).map(comparable),
    finish: last?.done_reason,
    counts: [last?.prompt_eval_count, last?.eval_count],
  };
}

/** The number of a token, which llama.cpp adds, has no place in Ollama's shape. */
function comparable({ token, logprob, bytes, top_logprobs }: Logprob): Logprob {
  return {
    token,
    logprob: Number(logprob.toFixed(4)),
    ...(bytes && { bytes }),
    ...(top_logprobs && { top_logprobs: top_logprobs.map(comparable) }),
  };
}
