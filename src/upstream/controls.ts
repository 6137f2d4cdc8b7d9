import { llamaSwapControl } from "./llama-swap-control.ts";
import { lmstudioControl } from "./lmstudio-control.ts";
import type { ModelControl } from "./model-control.ts";
import { ollamaControl } from "./ollama-control.ts";
import type { Upstream } from "./upstream.ts";

const byDialect: ReadonlyMap<string, ModelControl> = new Map([
  ["ollama", ollamaControl],
  ["lmstudio", lmstudioControl],
]);

/** By whom a backend names as the owner of its models; what runs behind these has its own dialect. */
const byOwner: ReadonlyMap<string, ModelControl> = new Map([["llama-swap", llamaSwapControl]]);

/** What a backend can do with its models, where it can do anything. */
export function controlOf(upstream: Upstream, owner = ""): ModelControl | undefined {
  return byOwner.get(owner) ?? byDialect.get(upstream.dialect.id);
}
