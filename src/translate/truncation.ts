import type { Message } from "../ollama/requests.ts";

/**
 * The turns that may be left out when the context is full, oldest first: never a system message,
 * never what the client asks now. A call goes together with its results.
 */
function droppableTurns(messages: readonly Message[]): readonly (readonly Message[])[] {
  const turns: Message[][] = [];
  for (const message of messages) {
    if (message.role === "system") continue;
    const last = turns.at(-1);
    if (message.role === "tool" && last !== undefined) last.push(message);
    else turns.push([message]);
  }
  return turns.slice(0, -1);
}

/**
 * The conversation without its oldest turns, as Ollama cuts it.
 * @param share of the conversation that is too much, 0 to 1
 * @returns undefined when there is nothing left that may go
 */
export function withoutOldestTurns(
  messages: readonly Message[],
  share: number,
): readonly Message[] | undefined {
  const droppable = droppableTurns(messages);
  if (droppable.length === 0) return undefined;
  const total = messages.reduce((sum, message) => sum + sizeOf(message), 0);
  const dropped = new Set<Message>();
  let size = 0;
  for (const turn of droppable) {
    if (size > 0 && size >= total * share) break;
    for (const message of turn) {
      dropped.add(message);
      size += sizeOf(message);
    }
  }
  return messages.filter((message) => !dropped.has(message));
}

/** At least 1, so that turns without text are dropped too. */
function sizeOf({ content, toolCalls }: Message): number {
  return content.length + (toolCalls.length === 0 ? 1 : JSON.stringify(toolCalls).length);
}
