import { toBackendError } from "../openai/error-body.ts";
import { asArray, asCount, asObject, asText, isObject, parseJson } from "../openai/json.ts";
import type { ModelDetails } from "../ollama/responses.ts";
import {
  actTimeout,
  loadTimeout,
  tellTimeout,
  type LoadedState,
  type ModelControl,
  type PullStatus,
} from "./model-control.ts";
import { postedLines } from "./posted-lines.ts";
import type { Upstream } from "./upstream.ts";

/** https://github.com/ollama/ollama/blob/main/docs/api.md */
export const ollamaControl: ModelControl = {
  loaded: async (upstream) => {
    const answer = asObject(await upstream.getJson(pathAt(upstream, "/api/ps"), tellTimeout));
    if (!Array.isArray(answer?.["models"])) throw upstream.failures.malformed();
    return asArray(answer["models"]).map(readLoaded);
  },

  load: async (upstream, model, { keepAlive }) => {
    const seconds = keepAlive === Infinity ? -1 : keepAlive && keepAlive / 1000;
    const body = {
      model,
      stream: false,
      ...(seconds === undefined ? {} : { keep_alive: seconds }),
    };
    await upstream.send("POST", pathAt(upstream, "/api/generate"), body, loadTimeout);
  },

  unload: async (upstream, model) => {
    const body = { model, stream: false, keep_alive: 0 };
    await upstream.send("POST", pathAt(upstream, "/api/generate"), body, actTimeout);
  },

  pull: async function* (upstream, model, signal) {
    const path = pathAt(upstream, "/api/pull");
    for await (const line of postedLines(upstream, path, { model }, signal)) {
      const status = parseJson(line);
      if (!isObject(status)) throw upstream.failures.malformed();
      if (asText(status["error"]) !== undefined) {
        throw upstream.failures.clean(toBackendError(status));
      }
      yield { ...status, status: asText(status["status"]) ?? "" } satisfies PullStatus;
    }
  },

  delete: async (upstream, model) => {
    await upstream.send("DELETE", pathAt(upstream, "/api/delete"), { model }, actTimeout);
  },

  copy: async (upstream, source, destination) => {
    const path = pathAt(upstream, "/api/copy");
    await upstream.send("POST", path, { source, destination }, actTimeout);
  },
};

/** Beside `/v1`, unless the base URL is that of Ollama's own API. */
function pathAt({ kind }: Upstream, path: string): string {
  return kind === "ollama" ? path : `origin:${path}`;
}

function readLoaded(model: unknown): LoadedState {
  const told = asObject(model) ?? {};
  const expiresAt = asText(told["expires_at"]);
  const digest = asText(told["digest"]);
  const details = asObject(told["details"]);
  const counts = ["size", "size_vram", "context_length"].flatMap((name) => {
    const count = asCount(told[name]);
    return count === undefined ? [] : [[name, count] as const];
  });
  return {
    ids: [told["name"], told["model"]].flatMap((name) => asText(name) ?? []),
    told: {
      ...Object.fromEntries(counts),
      ...(expiresAt === undefined ? {} : { expires_at: expiresAt }),
      ...(digest === undefined ? {} : { digest }),
      ...(details === undefined ? {} : { details: details as object as ModelDetails }),
    },
  };
}
