import { ProxyError } from "../errors.ts";
import { asArray, asCount, asObject, asText } from "../openai/json.ts";
import {
  actTimeout,
  loadTimeout,
  tellTimeout,
  type LoadedState,
  type ModelControl,
} from "./model-control.ts";
import type { Upstream } from "./upstream.ts";

/** https://github.com/mostlygeek/llama-swap */
export const llamaSwapControl: ModelControl = {
  loaded: tellRunning,

  /** It starts a model for whoever asks its server something. */
  load: async (upstream, id) => {
    const path = `origin:/upstream/${encodeURIComponent(id)}/health`;
    await upstream.send("GET", path, undefined, loadTimeout);
  },

  unload: async (upstream, id) => {
    const running = await tellRunning(upstream);
    if (!running.some(({ ids }) => ids.includes(id))) return;
    try {
      const path = `origin:/api/models/unload/${encodeURIComponent(id)}`;
      await upstream.send("POST", path, undefined, actTimeout);
    } catch (error) {
      // Older ones can only unload all.
      if (running.length > 1 || !isMissing(error)) throw error;
      await upstream.send("GET", "origin:/unload", undefined, actTimeout);
    }
  },
};

async function tellRunning(upstream: Upstream): Promise<readonly LoadedState[]> {
  const answer = asObject(await upstream.getJson("origin:/running", tellTimeout));
  if (!Array.isArray(answer?.["running"])) throw upstream.failures.malformed();
  return asArray(answer["running"]).flatMap((entry) => {
    const { model, state, ttl } = asObject(entry) ?? {};
    const id = asText(model);
    if (id === undefined || (state ?? "ready") !== "ready") return [];
    return [{ ids: [id], told: expiry(asCount(ttl)) }];
  });
}

/** Seconds without a request; 0 is for ever. */
function expiry(ttl: number | undefined): LoadedState["told"] {
  if (ttl === undefined || ttl === 0) return {};
  return { expires_at: new Date(Date.now() + ttl * 1000).toISOString() };
}

function isMissing(error: unknown): boolean {
  return error instanceof ProxyError && [404, 405].includes(error.refusal?.status ?? 0);
}
