import { invalidRequest, modelNotFound, ProxyError } from "../errors.ts";
import { sendStatuses, type Status } from "../inference/status-stream.ts";
import { layerDigests } from "../models/layers.ts";
import type { LibraryModel } from "../models/library.ts";
import { newModel, settle } from "../models/new-model.ts";
import { mergeChain, type VirtualModel } from "../models/virtual-model.ts";
import { isValidModelName, withTag } from "../ollama/model-name.ts";
import { parseCreateRequest, type CreateRequest } from "../ollama/model-requests.ts";
import { isCapability, type Capability } from "../ollama/responses.ts";
import { asArray } from "../openai/json.ts";
import { checkTemplate } from "../translate/template/check-template.ts";
import { pulling } from "./registry.ts";
import { readJson, type ServiceHandler, type Services } from "./services.ts";

/** Stands in the template that a card shows where nobody knows the model's own. */
const unknownTemplate = "The backend applies its own template.";

/** `POST /api/create`: a model over another one. */
export const create: ServiceHandler = (services) => async (request, reply) => {
  const wanted = parseCreateRequest(readJson(request));
  refuseWeights(wanted);
  const { config } = services;
  return sendStatuses({ config, request, reply, stream: wanted.stream }, (signal) =>
    creating(services, wanted, signal),
  );
};

/** Weights are the backend's. The other texts are Ollama's, which refuses the same. */
function refuseWeights({ model, adapters, files, quantize }: CreateRequest): void {
  if (!isEmpty(adapters)) throw invalidRequest("LoRA adapters are no longer supported");
  if (!isValidModelName(model)) throw invalidRequest("invalid model name");
  if (!isEmpty(files)) {
    throw invalidRequest("weights can't be imported: models run on the backends; use 'from'");
  }
  if (quantize !== "") {
    throw invalidRequest(
      "create-time quantization is only supported for safetensors imports; quantize GGUF models with llama.cpp tools before importing",
    );
  }
}

function isEmpty(record: object): boolean {
  return Object.keys(record).length === 0;
}

async function* creating(
  services: Services,
  wanted: CreateRequest,
  signal: AbortSignal,
): AsyncGenerator<Status> {
  if (wanted.from === "") throw invalidRequest("neither 'from' or 'files' was specified");
  const base = yield* baseOf(services, wanted.from, signal);
  const chain = base.virtual?.chain ?? [];
  const model = await modelOf(services, wanted, base);
  const kept = settle(model, chain);

  const replaced = await services.library.findListed(model.name);
  const existing = new Set(
    [base, ...(replaced === undefined ? [] : [replaced])].flatMap((one) =>
      layerDigests(one, one.virtual?.merged),
    ),
  );
  for (const digest of layerDigests(base, mergeChain([model, ...chain]))) {
    yield { status: `${existing.has(digest) ? "using existing" : "creating new"} layer ${digest}` };
  }
  yield { status: "writing manifest" };
  await services.store.put(kept);
  yield { status: "success" };
}

/** A model that isn't there is pulled first, as in Ollama. */
async function* baseOf(
  services: Services,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<Status, LibraryModel> {
  const known = await services.library.findListed(name);
  if (known !== undefined) return known;
  if (!isValidModelName(name)) throw invalidRequest("invalid model name");
  yield* pulling(services, name, signal);
  const pulled = await services.library.findListed(name);
  if (pulled === undefined) throw modelNotFound(name);
  return pulled;
}

/** What the client asked for, under the name that it has already, in that one's spelling. */
async function modelOf(
  { store, cards }: Services,
  { model, from, system, template, parameters, messages, license, info }: CreateRequest,
  base: LibraryModel,
): Promise<VirtualModel> {
  const isOwnTemplate = !template.includes(unknownTemplate);
  if (isOwnTemplate) explainTemplate(template);
  const identity = {
    name: (await store.get(model))?.name ?? withTag(model),
    from,
    modified_at: new Date().toISOString(),
  };
  return newModel(identity, {
    system,
    template: isOwnTemplate ? template : "",
    parameters,
    messages,
    license,
    info,
    capabilities: withMore(cards.facts(base).capabilities, info["capabilities"]),
  });
}

/** What the base can do and more; nothing to keep where there is no more. */
function withMore(able: readonly Capability[], claimed: unknown): readonly Capability[] {
  const more = asArray(claimed)
    .filter(isCapability)
    .filter((capability) => !able.includes(capability));
  return more.length === 0 ? [] : [...new Set([...able, ...more])];
}

/** Ollama's text. */
function explainTemplate(template: string): void {
  try {
    checkTemplate(template);
  } catch (error) {
    if (!(error instanceof ProxyError)) throw error;
    throw invalidRequest(`template error: ${error.message}`);
  }
}
