import { createHash } from "node:crypto";
import type { CatalogModel } from "./catalog-model.ts";
import type { Merged } from "./virtual-model.ts";

/**
 * What a model is made of, each part by the hash of its content, as real Ollama tells it. Weights
 * are the backend's: theirs is the hash of what they are called there.
 */
export function layerDigests({ upstream, entry }: CatalogModel, merged?: Merged): string[] {
  const weights = `${upstream.id}/${entry.id}`;
  if (merged === undefined) return [digestOf(weights)];
  const { template = "", system = "", license, parameters, messages } = merged;
  const names = Object.keys(parameters).toSorted();
  const sorted = names.map((name) => [name, parameters[name]] as const);
  const parts = [
    weights,
    template,
    system,
    ...license,
    sorted.length === 0 ? "" : JSON.stringify(Object.fromEntries(sorted)),
    messages.length === 0 ? "" : JSON.stringify(messages),
  ];
  return parts.filter((part) => part !== "").map(digestOf);
}

function digestOf(text: string): string {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}
