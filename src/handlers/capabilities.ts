import { invalidRequest } from "../errors.ts";
import { qualifiedName } from "../ollama/model-name.ts";
import type { Capability } from "../ollama/responses.ts";
import type { Think } from "../ollama/requests.ts";
import type { Target } from "../routing/resolve.ts";

/** What a request wants of its model. */
interface Demand {
  readonly model: string;
  readonly use: "chat" | "generate";
  readonly tools: boolean;
  readonly insert: boolean;
  readonly think: Think | undefined;
}

/**
 * Ollama's refusals of what a model can't do. Only what somebody said of the model counts: one of
 * which nothing is known is never refused.
 * @throws ProxyError 400 `… does not support …`
 */
export function refuseWhatModelCannot({ model, facts }: Target, demand: Demand): void {
  const can = (capability: Capability) => !facts.denied.includes(capability);
  if (!can("completion")) throw invalidRequest(`"${demand.model}" does not support ${demand.use}`);
  if (demand.tools && !can("tools")) {
    throw invalidRequest(`${qualifiedName(model.name)} does not support tools`);
  }
  if (demand.insert && !can("insert")) {
    throw invalidRequest(`${qualifiedName(model.name)} does not support insert`);
  }
  if (demand.think !== undefined && demand.think !== false && !can("thinking")) {
    throw invalidRequest(`"${demand.model}" does not support thinking`);
  }
}

/** @throws ProxyError 400 `"…" does not support embeddings` */
export function refuseWithoutEmbeddings({ facts }: Target, model: string): void {
  if (facts.denied.includes("embedding")) {
    throw invalidRequest(`"${model}" does not support embeddings`);
  }
}
