/** How likely a token was, in the shape both APIs share. */
export interface TokenLogprob {
  readonly token: string;
  readonly logprob: number;
  readonly bytes?: readonly number[];
  readonly top_logprobs?: readonly Omit<TokenLogprob, "top_logprobs">[];
}

export interface TextDelta {
  readonly type: "text-delta";
  readonly text: string;
  readonly logprobs?: readonly TokenLogprob[];
}

export interface ThinkingDelta {
  readonly type: "thinking-delta";
  readonly text: string;
  readonly logprobs?: readonly TokenLogprob[];
}

/** A whole call: complete arguments, `index` counted from 0 over the response. */
export interface ToolCallEvent {
  readonly type: "tool-call";
  readonly index: number;
  readonly id: string;
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

export interface EndEvent {
  readonly type: "end";
  readonly reason: "stop" | "length";
  /** The backend's own word, where it says more than the reason. */
  readonly finishReason: string | undefined;
  readonly usage: Usage;
}

/** Counts in tokens, durations in nanoseconds; absent where the backend did not say. */
export interface Usage {
  readonly promptTokens?: number;
  readonly cachedTokens?: number;
  readonly completionTokens?: number;
  readonly promptDuration?: number;
  readonly completionDuration?: number;
}

export type DeltaEvent = TextDelta | ThinkingDelta | ToolCallEvent;

/**
 * The one vocabulary between the two APIs: zero or more deltas, then exactly one `end`, or a thrown
 * ProxyError; never both. Backend quirks end at the decoder, Ollama's shape begins at the encoder.
 */
export type CompletionEvent = DeltaEvent | EndEvent;
