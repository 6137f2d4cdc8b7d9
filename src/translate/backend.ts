import type { Dialect } from "../dialects/dialect.ts";
import type { JsonObject } from "../openai/json.ts";
import type { DecoderOptions } from "./chunk-events.ts";

/** What a request has to know of the model it is put to. */
export interface Backend {
  /** The id that the backend knows the model by. */
  readonly model: string;
  readonly dialect: Dialect;
  /** Tokens; absent where nobody told. */
  readonly contextLength: number | undefined;
  /** Whether `http` URLs of images go through to the backend. */
  readonly imageUrls: boolean;
}

/** A request in the backend's words, and the names of what could not be said in them. */
export interface LoweredRequest {
  /** Below the backend's base URL, or after `origin:` below the server itself. */
  readonly path: string;
  readonly body: JsonObject;
  /** What the client asked for and this backend can't be told; told to the client by name. */
  readonly ignored: readonly string[];
  /** Tokens of the prompt at a guess, for backends that tell no usage. */
  readonly promptEstimate: number;
  /** How the answer is to be read. */
  readonly decoding: Omit<DecoderOptions, "newId">;
}

/** Part of a lowered request: fields, and the names of what has none. */
export interface Lowered {
  readonly fields: JsonObject;
  readonly ignored: readonly string[];
}

export function estimateTokens(characters: number): number {
  return Math.ceil(characters / 4);
}
