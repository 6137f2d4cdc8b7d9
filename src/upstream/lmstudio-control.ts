import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { ProxyError } from "../errors.ts";
import { asArray, asCount, asObject, asText, isObject, type JsonObject } from "../openai/json.ts";
import {
  actTimeout,
  loadTimeout,
  tellTimeout,
  type LoadedState,
  type ModelControl,
  type PullStatus,
} from "./model-control.ts";
import type { Upstream } from "./upstream.ts";

const models = "origin:/api/v1/models";
/** Milliseconds between two looks at a download. */
const lookInterval = 500;

/** LM Studio from 0.4 on: https://lmstudio.ai/docs/developer/rest */
export const lmstudioControl: ModelControl = {
  loaded: async (upstream) => (await listModels(upstream)).flatMap(loadedStates),

  /** Asked twice, it would load a second copy. */
  load: async (upstream, model, { contextLength }) => {
    if ((await instancesOf(upstream, model)).length > 0) return;
    const body = {
      model,
      ...(contextLength === undefined ? {} : { context_length: contextLength }),
    };
    await upstream.send("POST", `${models}/load`, body, loadTimeout);
  },

  unload: async (upstream, model) => {
    const instances = await instancesOf(upstream, model);
    await Promise.all(
      instances.map((id) =>
        upstream.send("POST", `${models}/unload`, { instance_id: id }, actTimeout),
      ),
    );
  },

  pull: async function* (upstream, name, signal) {
    const timeout = { timeout: actTimeout, signal };
    let job = asObject(await upstream.postJson(`${models}/download`, toDownload(name), timeout));
    const id = encodeURIComponent(asText(job?.["job_id"]) ?? "");
    while (!signal.aborted) {
      const status = asText(job?.["status"]);
      if (job === undefined || status === undefined) throw upstream.failures.malformed();
      if (status === "already_downloaded") return;
      if (status === "failed") throw downloadFailed(job);
      yield toStatus(name, job);
      if (status === "completed") return;
      await sleep(lookInterval, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      job = asObject(await upstream.getJson(`${models}/download/status/${id}`, actTimeout));
    }
  },
};

async function listModels(upstream: Upstream): Promise<readonly JsonObject[]> {
  const answer = asObject(await upstream.getJson(models, tellTimeout));
  // Older ones say 200 to any route.
  if (!Array.isArray(answer?.["models"])) throw upstream.failures.malformed();
  return asArray(answer["models"]).filter(isObject);
}

/** Of each copy of a model in memory. */
function loadedStates(model: JsonObject): LoadedState[] {
  const size = asCount(model["size_bytes"]);
  return asArray(model["loaded_instances"]).map((instance) => {
    const { id, config } = asObject(instance) ?? {};
    const contextLength = asCount(asObject(config)?.["context_length"]);
    return {
      ids: [id, model["key"]].flatMap((name) => asText(name) ?? []),
      told: {
        ...(size === undefined ? {} : { size, size_vram: size }),
        ...(contextLength === undefined ? {} : { context_length: contextLength }),
      },
    };
  });
}

/** Of all copies of a model, or of one copy that goes by a name of its own. */
async function instancesOf(upstream: Upstream, model: string): Promise<readonly string[]> {
  const states = (await listModels(upstream)).flatMap(loadedStates);
  return states.filter(({ ids }) => ids.includes(model)).flatMap(({ ids }) => ids[0] ?? []);
}

/** Ollama's spelling of a file at Hugging Face, `hf.co/owner/repository:Q4_K_M`, as LM Studio's. */
function toDownload(name: string): object {
  const [, repository, quantization] =
    /^(?:hf\.co|huggingface\.co)\/([^:]+)(?::(.+))?$/.exec(name) ?? [];
  if (repository === undefined) return { model: name.replace(/:latest$/, "") };
  return {
    model: `https://huggingface.co/${repository}`,
    ...(quantization === undefined || quantization === "latest" ? {} : { quantization }),
  };
}

/** Clients show a bar for each digest, which they cut in the middle: any other text breaks some. */
function toStatus(name: string, job: JsonObject): PullStatus {
  const total = asCount(job["total_size_bytes"]);
  const completed = asCount(job["downloaded_bytes"]);
  const digest = `sha256:${createHash("sha256").update(name).digest("hex")}`;
  if (total === undefined) return { status: `pulling ${name}` };
  return { status: `pulling ${name}`, digest, total, ...(completed ? { completed } : {}) };
}

function downloadFailed(job: JsonObject): ProxyError {
  const told = asText(job["error"]) ?? asText(asObject(job["error"])?.["message"]);
  return new ProxyError("upstream_failed", told ?? "the download failed");
}
