/** The part of OpenAI's chat completion request that we send. */
export interface ChatCompletionRequest {
  readonly model: string;
  readonly messages: readonly ChatCompletionMessage[];
  readonly tools?: readonly unknown[];
  readonly response_format?: unknown;
  readonly logprobs?: true;
  readonly top_logprobs?: number;
  readonly stream: true;
  readonly stream_options: { readonly include_usage: true };
  /** Samplers and switches that the dialect names. */
  readonly [extra: string]: unknown;
}

/** The part of OpenAI's text completion request that we send. */
export interface CompletionRequest {
  readonly model: string;
  readonly prompt: string;
  readonly suffix?: string;
  readonly stream: true;
  readonly stream_options: { readonly include_usage: true };
  readonly [extra: string]: unknown;
}

type ContentPart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image_url"; readonly image_url: { readonly url: string } };

export interface ChatCompletionMessage {
  readonly role: string;
  readonly content: string | readonly ContentPart[];
  readonly tool_calls?: readonly {
    readonly id: string;
    readonly type: "function";
    readonly function: { readonly name: string; readonly arguments: string };
  }[];
  readonly tool_call_id?: string;
}
