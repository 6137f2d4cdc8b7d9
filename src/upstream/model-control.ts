import type { KeepAlive } from "../ollama/duration.ts";
import type { ProcessModel } from "../ollama/responses.ts";
import type { Upstream } from "./upstream.ts";

/** A model that a backend says it has in memory. */
export interface LoadedState {
  /** The ids that it goes by, the surest first. */
  readonly ids: readonly string[];
  /** What the backend tells of it, as `/api/ps` has it. */
  readonly told: Partial<Omit<ProcessModel, "name" | "model">>;
}

/** How a model is to be loaded, as far as the client says. */
export interface LoadWishes {
  /** Tokens. */
  readonly contextLength?: number | undefined;
  readonly keepAlive?: KeepAlive | undefined;
}

/** How far a download is. */
export interface PullStatus {
  readonly status: string;
  readonly digest?: string;
  /** Bytes. */
  readonly total?: number;
  /** Bytes. */
  readonly completed?: number;
}

/**
 * What a kind of backend can do with its models beyond answering. Ids are the backend's own. All throw
 * a ProxyError when it does not do it.
 */
export interface ModelControl {
  readonly loaded: (upstream: Upstream) => Promise<readonly LoadedState[]>;
  readonly load?: (upstream: Upstream, id: string, wishes: LoadWishes) => Promise<void>;
  readonly unload?: (upstream: Upstream, id: string) => Promise<void>;
  /** Ends without a word when the signal aborts. */
  readonly pull?: (
    upstream: Upstream,
    name: string,
    signal: AbortSignal,
  ) => AsyncIterable<PullStatus>;
  readonly delete?: (upstream: Upstream, id: string) => Promise<void>;
  readonly copy?: (upstream: Upstream, id: string, destination: string) => Promise<void>;
}

/** Milliseconds a backend has to say what is loaded: `ollama ps` waits for it. */
export const tellTimeout = 1_000;
/** Reading a large model into memory. */
export const loadTimeout = 600_000;
export const actTimeout = 30_000;
