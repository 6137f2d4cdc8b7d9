import type { Message } from "../ollama/requests.ts";

/**
 * The conversation without its oldest turns, as Ollama cuts it.
 * @param share of the conversation that is too much, 0 to 1
 * @returns undefined when there is nothing left that may go
 */
export function withoutOldestTurns(
  messages: readonly Message[],
  share: number,
): readonly Message[] | undefined {
  const parts = droppableParts(messages);
  if (parts.length === 0) return undefined;
  const total = messages.reduce((sum, message) => sum + sizeOf(message), 0);
  const dropped = new Set<Message>();
  let size = 0;
  for (const part of parts) {
    if (size > 0 && size >= total * share) break;
    for (const message of part) {
      dropped.add(message);
      size += sizeOf(message);
    }
  }
  return messages.filter((message) => !dropped.has(message));
}

/**
 * What may be left out, in the order in which it goes: the turns before the last, whole, so that
 * what is left begins with a user; then the last turn's rounds of tool calls. A system message, what
 * the user asked last and the latest round always stay: without them there is nothing to answer.
 */
function droppableParts(messages: readonly Message[]): readonly (readonly Message[])[] {
  const turns = split(
    messages.filter(({ role }) => role !== "system"),
    isUser,
  );
  const last = turns.at(-1) ?? [];
  return [...turns.slice(0, -1), ...toolRounds(last).slice(0, -1)];
}

/** Calls together with their results; some clients send the results alone. */
function toolRounds(turn: readonly Message[]): readonly (readonly Message[])[] {
  return split(turn, ({ role }) => role !== "tool").filter(
    (part) =>
      !part.some(isUser) &&
      part.some(({ role, toolCalls }) => role === "tool" || toolCalls.length > 0),
  );
}

function split(
  messages: readonly Message[],
  begins: (message: Message) => boolean,
): readonly (readonly Message[])[] {
  const parts: Message[][] = [];
  for (const message of messages) {
    const part = parts.at(-1);
    if (part === undefined || begins(message)) parts.push([message]);
    else part.push(message);
  }
  return parts;
}

/** A message without a role is sent as the user's. */
function isUser({ role }: Message): boolean {
  return role === "user" || role === "";
}

/** At least 1, so that turns without text are dropped too. */
function sizeOf({ content, toolCalls }: Message): number {
  return content.length + (toolCalls.length === 0 ? 1 : JSON.stringify(toolCalls).length);
}
