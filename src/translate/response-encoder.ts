import type {
  ChatResponse,
  GenerateResponse,
  Metrics,
  ResponseToolCall,
} from "../ollama/responses.ts";
import type { DeltaEvent, EndEvent, ToolCallEvent } from "./events.ts";

/** Older aiohttp refuses lines over 128 KiB; a character takes up to six bytes of one. */
const maxLineText = 20_000;

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
  readonly #model: string;
  readonly #createdAt: string;

  constructor({ model, createdAt }: ResponseIdentity) {
    this.#model = model;
    this.#createdAt = createdAt;
  }

  push(event: DeltaEvent): ChatResponse[] {
    return toLines(event, (piece) => this.#line(piece));
  }

  end(event: EndEvent, metrics: Metrics): ChatResponse {
    return this.#last({ done_reason: event.reason, ...metrics });
  }

  fail(message: string, metrics: Metrics): ChatResponse {
    return this.#last({ done_reason: "error", ...metrics, error: message });
  }

  #line(event: DeltaEvent): ChatResponse {
    return {
      model: this.#model,
      created_at: this.#createdAt,
      message: toMessage(event),
      done: false,
    };
  }

  #last(ending: Partial<ChatResponse>): ChatResponse {
    return {
      model: this.#model,
      created_at: this.#createdAt,
      message: { role: "assistant", content: "" },
      done: true,
      ...ending,
    };
  }
}

export class GenerateResponseEncoder implements ResponseEncoder<GenerateResponse> {
  readonly #model: string;
  readonly #createdAt: string;
  readonly #toContext: ((answer: string) => readonly number[]) | undefined;
  readonly #answer: string[] = [];

  /** @param toContext encodes the conversation for the next request; absent for a raw prompt */
  constructor(
    { model, createdAt }: ResponseIdentity,
    toContext?: (answer: string) => readonly number[],
  ) {
    this.#model = model;
    this.#createdAt = createdAt;
    this.#toContext = toContext;
  }

  push(event: DeltaEvent): GenerateResponse[] {
    if (this.#toContext !== undefined && event.type === "text-delta") this.#answer.push(event.text);
    return toLines(event, (piece) => this.#line(piece));
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

  #line(event: DeltaEvent): GenerateResponse {
    const { content: response, thinking, tool_calls } = toMessage(event);
    return {
      model: this.#model,
      created_at: this.#createdAt,
      response,
      ...(thinking === undefined ? {} : { thinking }),
      ...(tool_calls === undefined ? {} : { tool_calls }),
      done: false,
    };
  }

  #last(ending: Partial<GenerateResponse>): GenerateResponse {
    return {
      model: this.#model,
      created_at: this.#createdAt,
      response: "",
      done: true,
      ...ending,
    };
  }
}

function toMessage(event: DeltaEvent): ChatResponse["message"] {
  switch (event.type) {
    case "text-delta":
      return { role: "assistant", content: event.text };
    case "thinking-delta":
      // Log probabilities may come without a text.
      return {
        role: "assistant",
        content: "",
        ...(event.text === "" ? {} : { thinking: event.text }),
      };
    case "tool-call":
      return { role: "assistant", content: "", tool_calls: [toToolCall(event)] };
  }
}

function toToolCall(event: ToolCallEvent): ResponseToolCall {
  return {
    id: event.id,
    function: { index: event.index, name: event.name, arguments: event.arguments },
  };
}

/** One line an event; several for a text too long for one, the first with the logprobs. */
function toLines<Line>(event: DeltaEvent, toLine: (piece: DeltaEvent) => Line): Line[] {
  if (event.type === "tool-call") return [toLine(event)];
  const lines =
    event.text.length <= maxLineText
      ? [toLine(event)]
      : splitText(event.text).map((text) => toLine({ type: event.type, text }));
  if (event.logprobs === undefined) return lines;
  return lines.map((line, index) => (index === 0 ? { ...line, logprobs: event.logprobs } : line));
}

/** Cuts between characters, never inside a surrogate pair. */
function splitText(text: string): string[] {
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
