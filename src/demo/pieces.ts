/** A word with the space before it, or a run of punctuation: about what a tokeniser makes. */
const PIECE = /\s*(?:[\p{L}\p{M}\p{N}_]{1,24}|[^\p{L}\p{M}\p{N}_\s]{1,24})|\s+$/gu;

/** The pieces in which a text is streamed and counted. Joined, they are the text again. */
export function splitIntoPieces(text: string): string[] {
  return text.match(PIECE) ?? [];
}

/** The text before the first place where one of the sequences begins. */
export function cutAtStop(text: string, stop: readonly string[]): string {
  const places = stop
    .filter((sequence) => sequence !== "")
    .map((sequence) => text.indexOf(sequence))
    .filter((place) => place >= 0);
  return text.slice(0, Math.min(text.length, ...places));
}

export function toUsage(promptPieces: number, answerPieces: number) {
  const prompt_tokens = Math.max(1, promptPieces);
  const completion_tokens = Math.max(1, answerPieces);
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}
