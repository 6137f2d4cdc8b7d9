import type {
  ChatResponse,
  GenerateResponse,
  Metrics,
  ResponseToolCall,
} from "../ollama/responses.ts";
import type { DeltaEvent, EndEvent, ToolCallEvent } from "./events.ts";

/** Older aiohttp refuses lines over 128 KiB, so the text of one line stays well below. */
const maxLineText = 64 * 1024;

/** What all objects of one answer have in common. */
export interface ResponseIdentity {
  /** The model as the client spelled it. */
  readonly model: string;
  /** RFC 3339, the same on every object of the answer. */
  readonly createdAt: string;
}

/** Events to the objects of one Ollama route, as a fold that ends in `end` or in `fail`. */
export interface ResponseEncoder<Response> {
  push(event: DeltaEvent): Response[];
  end(event: EndEvent, metrics: Metrics): Response;
  /** The last object of a stream that broke: an ending, but no `stop`. */
  fail(message: string, metrics: Metrics): Response;
}

export class ChatResponseEncoder implements ResponseEncoder<ChatResponse> {
  readonly #identity: ResponseIdentity;

  constructor(identity: ResponseIdentity) {
    this.#identity = identity;
  }

  push(event: DeltaEvent): ChatResponse[] {
    switch (event.type) {
      case "text-delta":
        return splitText(event.text).map((content) =>
          this.#line({ content }, event.text === content ? event.logprobs : undefined),
        );
      case "thinking-delta":
        return splitText(event.text).map((thinking) =>
          this.#line(
            { content: "", thinking },
            event.text === thinking ? event.logprobs : undefined,
          ),
        );
      case "tool-call":
        return [this.#line({ content: "", tool_calls: [toToolCall(event)] }, undefined)];
    }
  }

  end(event: EndEvent, metrics: Metrics): ChatResponse {
    return this.#last({ done_reason: event.reason, ...metrics });
  }

  fail(message: string, metrics: Metrics): ChatResponse {
    return this.#last({ done_reason: "error", ...metrics, error: message });
  }

  #line(
    message: Omit<ChatResponse["message"], "role">,
    logprobs: ChatResponse["logprobs"] | undefined,
  ): ChatResponse {
    const line: ChatResponse = {
      model: this.#identity.model,
      created_at: this.#identity.createdAt,
      message: { role: "assistant", ...message },
      done: false,
    };
    return logprobs === undefined ? line : { ...line, logprobs };
  }

  #last(ending: Partial<ChatResponse>): ChatResponse {
    return {
      model: this.#identity.model,
      created_at: this.#identity.createdAt,
      message: { role: "assistant", content: "" },
      done: true,
      ...ending,
    };
  }
}

export class GenerateResponseEncoder implements ResponseEncoder<GenerateResponse> {
  readonly #identity: ResponseIdentity;
  readonly #toContext: ((answer: string) => readonly number[]) | undefined;
  readonly #answer: string[] = [];

  /** @param toContext encodes the conversation for the next request; absent for a raw prompt */
  constructor(identity: ResponseIdentity, toContext?: (answer: string) => readonly number[]) {
    this.#identity = identity;
    this.#toContext = toContext;
  }

  push(event: DeltaEvent): GenerateResponse[] {
    switch (event.type) {
      case "text-delta":
        if (this.#toContext !== undefined) this.#answer.push(event.text);
        return splitText(event.text).map((response) =>
          this.#line({ response }, event.text === response ? event.logprobs : undefined),
        );
      case "thinking-delta":
        return splitText(event.text).map((thinking) =>
          this.#line(
            { response: "", thinking },
            event.text === thinking ? event.logprobs : undefined,
          ),
        );
      case "tool-call":
        return [this.#line({ response: "", tool_calls: [toToolCall(event)] }, undefined)];
    }
  }

  end(event: EndEvent, metrics: Metrics): GenerateResponse {
    const context = this.#toContext?.(this.#answer.join(""));
    return this.#last({
      done_reason: event.reason,
      ...(context === undefined ? {} : { context }),
      ...metrics,
    });
  }

  fail(message: string, metrics: Metrics): GenerateResponse {
    return this.#last({ done_reason: "error", ...metrics, error: message });
  }

  #line(
    text: Pick<GenerateResponse, "response" | "thinking" | "tool_calls">,
    logprobs: GenerateResponse["logprobs"] | undefined,
  ): GenerateResponse {
    const line: GenerateResponse = {
      model: this.#identity.model,
      created_at: this.#identity.createdAt,
      ...text,
      done: false,
    };
    return logprobs === undefined ? line : { ...line, logprobs };
  }

  #last(ending: Partial<GenerateResponse>): GenerateResponse {
    return {
      model: this.#identity.model,
      created_at: this.#identity.createdAt,
      response: "",
      done: true,
      ...ending,
    };
  }
}

function toToolCall(event: ToolCallEvent): ResponseToolCall {
  return {
    id: event.id,
    function: { index: event.index, name: event.name, arguments: event.arguments },
  };
}

/** Cuts a long text between characters, never inside a surrogate pair. */
function splitText(text: string): string[] {
  if (text.length <= maxLineText) return [text];
  const pieces: string[] = [];
  for (let from = 0; from < text.length;) {
    let to = from + maxLineText;
    const last = text.charCodeAt(to - 1);
    if (to < text.length && last >= 0xd800 && last <= 0xdbff) to -= 1;
    pieces.push(text.slice(from, to));
    from = to;
  }
  return pieces;
}
