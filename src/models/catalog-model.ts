import type { Policy } from "../config/schema.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { ModelEntry } from "./model-entry.ts";

/** A model that a backend serves. */
export interface CatalogModel {
  /** The name that Ollama clients see, with its tag. */
  readonly name: string;
  /** Of several backends that serve it, the first. */
  readonly upstream: Upstream;
  readonly entry: ModelEntry;
  /** The backend could not tell its models when last asked; this is what it told before. */
  readonly stale?: true;
  /** Where there is more than one place to ask. */
  readonly route?: ModelRoute;
}

/** The places where a model is to be had. */
export interface ModelRoute {
  /** The one for all when undefined. */
  readonly policy: Policy | undefined;
  /** By priority. */
  readonly targets: readonly RouteTarget[];
  /** Models to ask in its place. */
  readonly fallback: readonly string[];
}

export interface RouteTarget {
  /** As this one backend has it, under the route's name. */
  readonly model: CatalogModel;
  readonly priority: number;
  readonly weight: number;
}
