import type { Message } from "../ollama/requests.ts";
import type { ChatCompletionMessage } from "../openai/requests.ts";

/** A call of the model, and whether a result has come. */
export interface Call {
  readonly id: string;
  /** The id the client knows the call by, if it knows one. */
  readonly clientId: string | undefined;
  readonly name: string;
  readonly arguments: unknown;
  answered: boolean;
}

/** A message, and what the tools it called said. */
interface Turn {
  readonly message: ChatCompletionMessage;
  readonly calls: Call[];
  readonly results: ChatCompletionMessage[];
}

/** What stands for a result that the client never sent. */
const noResult = "no result";

/**
 * Brings tool calls and their results together. Clients send calls without ids and results that name
 * the call by id, by tool name or not at all, and some send results without the calls; backends
 * insist that right behind a message with calls each of them is answered by its id, and Mistral
 * takes only ids of nine letters and digits. So calls get ids of ours; a result goes to the open
 * call with its id, else its name, else to the first one of the latest turn, else to a call that is
 * made up for it; and a call that was never answered gets a word in place of its result, unless the
 * talk ends with calls that all still wait.
 */
export class ToolTurns {
  readonly #turns: Turn[] = [];
  #calls = 0;

  /** Any message but a tool's. */
  add(message: ChatCompletionMessage, calls: Message["toolCalls"]): void {
    const made = calls.map((call) => this.#call(call.id, call.name, call.arguments));
    this.#turns.push({ message, calls: made, results: [] });
  }

  /** What a tool said. */
  addResult(
    content: ChatCompletionMessage["content"],
    by: Pick<Message, "toolCallId" | "toolName">,
  ): void {
    const found = this.#find(by) ?? this.#orphan(by);
    found.call.answered = true;
    found.turn.results.push(toResult(found.call, content));
  }

  /** @param toMessage puts the calls of a message into it */
  messages(
    toMessage: (message: ChatCompletionMessage, calls: readonly Call[]) => ChatCompletionMessage,
  ): ChatCompletionMessage[] {
    const last = this.#turns.at(-1);
    return this.#turns.flatMap((turn) => {
      const { message, calls, results } = turn;
      if (calls.length === 0) return [message];
      const waits = turn === last && results.length === 0;
      const unanswered = waits ? [] : calls.filter(({ answered }) => !answered);
      const missing = unanswered.map((call) => toResult(call, noResult));
      return [toMessage(message, calls), ...results, ...missing];
    });
  }

  #find({ toolCallId, toolName }: Pick<Message, "toolCallId" | "toolName">) {
    const open = this.#turns
      .toReversed()
      .flatMap((turn) =>
        turn.calls.filter(({ answered }) => !answered).map((call) => ({ turn, call })),
      );
    const latest = this.#turns.at(-1);
    return (
      open.find(({ call }) => toolCallId !== undefined && call.clientId === toolCallId) ??
      open.find(({ call }) => toolName !== undefined && call.name === toolName) ??
      open.find(({ turn }) => turn === latest)
    );
  }

  /** A result whose call the client left out. */
  #orphan({ toolName }: Pick<Message, "toolName">): { turn: Turn; call: Call } {
    let turn = this.#turns.at(-1);
    if (turn?.message.role !== "assistant") {
      turn = { message: { role: "assistant", content: "" }, calls: [], results: [] };
      this.#turns.push(turn);
    }
    const call = this.#call(undefined, toolName ?? "tool", {});
    turn.calls.push(call);
    return { turn, call };
  }

  #call(clientId: string | undefined, name: string, values: unknown): Call {
    this.#calls += 1;
    const id = `call${String(this.#calls).padStart(5, "0")}`;
    return { id, clientId, name, arguments: values, answered: false };
  }
}

function toResult(
  call: Call,
  content: ChatCompletionMessage["content"] = "",
): ChatCompletionMessage {
  return { role: "tool", content, tool_call_id: call.id, name: call.name };
}
