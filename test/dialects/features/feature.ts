import type { Exchange } from "../exchange.ts";
import { textPieces } from "../players/answer.ts";
import type { Json } from "../players/backend.ts";

/** How a feature got through. */
export type Reached = "works" | "approximated" | undefined;

export interface Feature {
  readonly name: string;
  readonly path: string;
  readonly body: Json;
  /** A request before it, whose answer completes this one. */
  readonly after?: { readonly body: Json; readonly completes: (last: Json) => Json };
  /** Under which names `x-proxy-ignored` may tell of it. */
  readonly names: readonly string[];
  /** Words of a refusal that tell what the matter is, besides "support". */
  readonly refusal?: RegExp;
  /** The answer, where it is another than the usual. */
  readonly text?: string;
  readonly reached: (exchange: Exchange) => Reached;
}

export const usualText = textPieces.join("");

const messages = [{ role: "user", content: "Why is the sky blue?" }];

/** A chat with something besides the one message. */
export function chat(
  name: string,
  body: Json,
  names: readonly string[],
  reached: Feature["reached"],
): Feature {
  return { name, path: "/api/chat", body: { messages, ...body }, names, reached };
}
