import type { StreamStyle } from "./stream-style.ts";

export type Json = Readonly<Record<string, unknown>>;

export type RouteKind = "chat" | "completion" | "infill" | "embedding";

/** A message as the backend's chat template would see it. */
export interface HeardMessage {
  readonly role: string;
  readonly text: string;
  readonly thoughts: string | undefined;
  readonly images: readonly { readonly mediaType: string; readonly base64: string }[];
  readonly audio: readonly { readonly base64: string }[];
  readonly calls: readonly {
    readonly id: string;
    readonly name: string;
    readonly arguments: Json;
  }[];
  readonly resultOf: string | undefined;
}

/** What a backend understood of a request; what it only tolerated is not here. */
export interface Heard {
  readonly route: RouteKind;
  readonly body: Json;
  /** By Ollama's names, whatever the backend calls them. */
  readonly fields: Json;
  readonly messages: readonly HeardMessage[];
}

/** A request that the backend answers with an error. */
export class Refused extends Error {
  readonly status: number;
  readonly details: RefusalDetails;

  constructor(message: string, details: RefusalDetails = {}) {
    super(message);
    this.status = details.status ?? 400;
    this.details = details;
  }
}

export interface RefusalDetails {
  readonly status?: number;
  readonly param?: string;
  readonly code?: string;
  readonly type?: string;
  /** The whole body, where it is not in the backend's usual shape. */
  readonly body?: unknown;
}

/** The connection breaks without an answer, as when the server's handler has thrown. */
export class Crashed extends Error {}

/** What one field of a request says, by Ollama's names. @throws Refused */
export type Hearing = (value: unknown, name: string) => Json;
export type Fields = Readonly<Record<string, Hearing>>;

/** @throws Refused or Crashed when the request breaks it. */
export type Rule = (heard: Heard) => void;

export interface Route {
  readonly kind: RouteKind;
  readonly fields: Fields;
  readonly rules?: readonly Rule[];
  /** The answer on this route, where it differs from the backend's own. */
  readonly style?: Partial<StreamStyle>;
  /** How vectors are written; absent: as lists of numbers. */
  readonly vectors?: "base64_int8";
}

export interface MessageManners {
  /** The only fields a message may have; absent: others are ignored. */
  readonly only?: readonly string[];
  /** Where earlier thoughts are understood. */
  readonly thoughts?: readonly string[];
  /** Types of images it sees; none: a part that is an image is refused. */
  readonly images: readonly string[];
  /** `base64`: the part holds the bytes as a text; `stripped`: they are dropped without a word. */
  readonly audio: "object" | "base64" | "stripped" | "refused";
  /** Only texts, no lists of parts. */
  readonly plain?: boolean;
  readonly refusal?: (part: string) => Refused;
}

/** How one backend behaves, as far as a proxy can tell. Written from the facts, not from our code. */
export interface Backend {
  /** Path of its API. */
  readonly base: string;
  readonly model: string;
  /** `GET BASE/models`; `null`: there is no such route. */
  readonly list: unknown;
  /** Other paths that answer a GET, from the root of the server. */
  readonly probes?: Readonly<Record<string, unknown>>;
  readonly key?: "bearer" | "api-key";
  /** By path below the base, or from the root of the server after `origin:`. */
  readonly routes: Readonly<Record<string, Route>>;
  /** What it says of fields it doesn't know; absent: it ignores them. */
  readonly unknown?: (names: readonly string[]) => Refused;
  readonly error: (refused: Refused) => unknown;
  readonly rules: readonly Rule[];
  readonly messages: MessageManners;
  /** Whether this request makes it continue the last message. */
  readonly continues?: (heard: Heard) => boolean;
  /** Whether the continuation repeats what it continues. */
  readonly echoes?: boolean;
  readonly thinksByDefault?: boolean;
  /** Whether thoughts are shown at all. */
  readonly shows?: (heard: Heard) => boolean;
  /** Whether it makes only one call unless it is asked for more. */
  readonly oneCall?: boolean;
  /** Where an answer without a limit ends early. */
  readonly shortByDefault?: readonly RouteKind[];
  readonly style: StreamStyle;
  /** What an unknown route gets. */
  readonly nothingHere?: { readonly status: number; readonly body: unknown };
}

export function record(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Json)
    : {};
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
