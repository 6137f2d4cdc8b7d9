/** How likely a token was. */
interface Logprob {
  readonly token: string;
  readonly logprob: number;
  readonly bytes?: readonly number[];
  readonly top_logprobs?: readonly Omit<Logprob, "top_logprobs">[];
}

/** Durations in nanoseconds; every figure is an integer, at least 1 where work was done. */
export interface Metrics {
  readonly total_duration: number;
  readonly load_duration: number;
  readonly prompt_eval_count: number;
  readonly prompt_eval_cached_count?: number;
  readonly prompt_eval_duration: number;
  readonly eval_count: number;
  readonly eval_duration: number;
}

type DoneReason = "stop" | "length" | "load" | "unload" | "error";

interface ResponseBase extends Partial<Metrics> {
  readonly model: string;
  readonly created_at: string;
  readonly done: boolean;
  readonly done_reason?: DoneReason;
  readonly logprobs?: readonly Logprob[];
  /** Only on the last object of a stream that broke. */
  readonly error?: string;
}

export interface ResponseToolCall {
  readonly id: string;
  readonly function: {
    readonly index: number;
    readonly name: string;
    readonly arguments: Readonly<Record<string, unknown>>;
  };
}

export interface ResponseMessage {
  readonly role: "assistant";
  readonly content: string;
  readonly thinking?: string;
  readonly tool_calls?: readonly ResponseToolCall[];
}

/** One line of `/api/chat`, or its whole answer. */
export interface ChatResponse extends ResponseBase {
  readonly message: ResponseMessage;
}

/** One line of `/api/generate`, or its whole answer. */
export interface GenerateResponse extends ResponseBase {
  readonly response: string;
  readonly thinking?: string;
  readonly tool_calls?: readonly ResponseToolCall[];
  readonly context?: readonly number[];
}

export interface ModelDetails {
  readonly parent_model: string;
  readonly format: string;
  readonly family: string;
  readonly families: readonly string[];
  readonly parameter_size: string;
  readonly quantization_level: string;
}

export interface ListedModel {
  readonly name: string;
  readonly model: string;
  readonly modified_at: string;
  readonly size: number;
  readonly digest: string;
  readonly details: ModelDetails & {
    readonly context_length: number;
    readonly embedding_length?: number;
  };
  readonly capabilities: readonly Capability[];
}

export interface ProcessModel {
  readonly name: string;
  readonly model: string;
  readonly size: number;
  readonly digest: string;
  readonly details: ModelDetails;
  readonly expires_at: string;
  readonly size_vram: number;
  readonly context_length: number;
}

export interface ShowResponse {
  readonly license: string;
  readonly modelfile: string;
  readonly parameters: string;
  readonly template: string;
  readonly details: ModelDetails;
  readonly model_info: Readonly<Record<string, unknown>>;
  readonly capabilities: readonly Capability[];
  readonly modified_at: string;
}

/** The only words clients know; some fail on any other. */
export const capabilities = [
  "completion",
  "tools",
  "insert",
  "vision",
  "embedding",
  "thinking",
  "audio",
] as const;

export type Capability = (typeof capabilities)[number];

export function isCapability(word: unknown): word is Capability {
  return capabilities.includes(word as Capability);
}
