import type { Refusal } from "../errors.ts";
import { kindOfRefusal } from "../openai/refusals.ts";

/** What is said of a text alone, besides the words for a full context. */
const tooLong =
  /too (?:large|long)|physical batch size|input length|less than \d+ tokens|reduce the length/i;

export function isTooLong(refusal: Refusal): boolean {
  const kind = kindOfRefusal(refusal);
  return kind === "overflow" || (kind === undefined && tooLong.test(refusal.message));
}

/** More texts, or more of them together, than one request may have. */
export function isTooMany({ message }: Refusal): boolean {
  return /\bbatch(?:es)?\b|at most \d+|too many (?:inputs|texts)/i.test(message);
}

/** So that a text with more tokens at its beginning than on average fits at once, as a rule. */
const margin = 0.95;

/**
 * The beginning of a text that a model refused as too long: as much as the figures in its words let
 * through, such as "11257 tokens" and "batch size: 8192"; half where there are no two.
 */
export function shorten(text: string, { message }: Refusal): string {
  // Not those in names, such as text-embedding-3-small or input[7].
  const figures = (message.match(/(?<![\w.[-])\d+(?![\w\]-]|\.\d)/g) ?? [])
    .map(Number)
    .filter((figure) => figure > 1);
  const [least, most] = [Math.min(...figures), Math.max(...figures)];
  const share = least < most ? (margin * least) / most : 0.5;
  // Half of a character that is written with two would be none.
  return text.slice(0, Math.floor(text.length * share)).replace(/[\uD800-\uDBFF]$/, "");
}
