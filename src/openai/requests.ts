/** The part of OpenAI's chat completion request that we send. */
export interface ChatCompletionRequest {
  readonly model: string;
  readonly messages: readonly ChatCompletionMessage[];
  readonly tools?: readonly unknown[];
  readonly response_format?: unknown;
  readonly logprobs?: true | number;
  readonly top_logprobs?: number;
  readonly stream: true;
  readonly stream_options?: { readonly include_usage: true };
  /** Samplers and switches that the dialect names. */
  readonly [extra: string]: unknown;
}

/** The part of OpenAI's text completion request that we send; llama.cpp's `/infill` has no prompt. */
export interface CompletionRequest {
  readonly model: string;
  readonly prompt?: string;
  readonly suffix?: string;
  readonly logprobs?: number;
  readonly stream: true;
  readonly stream_options?: { readonly include_usage: true };
  readonly [extra: string]: unknown;
}

export type ContentPart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image_url"; readonly image_url: { readonly url: string } }
  | {
      readonly type: "input_audio";
      readonly input_audio: { readonly data: string; readonly format: string };
    };

export interface ChatCompletionMessage {
  readonly role: string;
  /** Absent only beside tool calls, for backends that take no empty text. */
  readonly content?: string | readonly ContentPart[];
  readonly tool_calls?: readonly {
    readonly id: string;
    readonly type: "function";
    readonly function: { readonly name: string; readonly arguments: string };
    readonly [extra: string]: unknown;
  }[];
  readonly tool_call_id?: string;
  readonly name?: string;
  /** Thoughts and marks that the dialect names. */
  readonly [extra: string]: unknown;
}
