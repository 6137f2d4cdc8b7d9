import { invalidRequest, modelNotFound, ProxyError } from "../errors.ts";
import type { Library, LibraryModel } from "../models/library.ts";
import { settle } from "../models/new-model.ts";
import type { VirtualModel } from "../models/virtual-model.ts";
import { comparableName, isValidModelName, withTag } from "../ollama/model-name.ts";
import { parseCopyRequest, parseModelRequest } from "../ollama/model-requests.ts";
import { controlOf } from "../upstream/controls.ts";
import { readJson, type ServiceHandler, type Services } from "./services.ts";

/** `POST /api/copy`: where a backend can't copy its models, a virtual one is put over them. */
export const copy: ServiceHandler = (services) => async (request, reply) => {
  const { library, store, control } = services;
  const { source, destination } = parseCopyRequest(readJson(request));
  const model = source === "" ? undefined : await library.findListed(source);
  if (model === undefined && !isValidModelName(source)) {
    throw invalidRequest(`source ${JSON.stringify(source)} is invalid`);
  }
  if (!isValidModelName(destination)) {
    throw invalidRequest(`destination ${JSON.stringify(destination)} is invalid`);
  }
  if (model === undefined) {
    throw new ProxyError("model_not_found", `model ${JSON.stringify(source)} not found`);
  }
  if (comparableName(model.name) === comparableName(destination)) return reply.send();

  const [copied, ...base] = model.virtual?.chain ?? [];
  const isFree = (await library.findListed(destination)) === undefined;
  if (copied === undefined && isFree && (await control.copy(model, destination))) {
    return reply.send();
  }
  const name = (await store.get(destination))?.name ?? withTag(destination);
  const identity = { name, modified_at: new Date().toISOString() };
  const from = copied === undefined ? source : baseOf(copied, model);
  await store.put(settle({ ...copied, from, ...identity }, base));
  return reply.send();
};

/**
 * By that name, what stands over a backend's model of its own name would be the base of its copy: a
 * backend's models go by their paths too.
 */
function baseOf({ name, from }: VirtualModel, { upstream, entry }: LibraryModel): string {
  const isOwn = comparableName(name) === comparableName(from);
  return isOwn ? `${upstream.id}/${upstream.selection.nameOf(entry)}` : from;
}

/** `DELETE /api/delete`: what was made here can go, the rest where its backend can do it. */
export const remove: ServiceHandler = (services) => async (request, reply) => {
  const { library, store, loaded } = services;
  const { model: name } = parseModelRequest(readJson(request));
  if (name === "") throw invalidRequest("model is required");
  // One that leads into a circle, by files from elsewhere, can't be found but can go.
  const model = await library.findListed(name).catch(() => undefined);
  if ((await store.get(name)) !== undefined) await removeVirtual(services, name);
  else if (model !== undefined) await removeBackends(services, name, model);
  else if (isValidModelName(name)) throw modelNotFound(name);
  else throw invalidRequest(`name ${JSON.stringify(name)} is invalid`);
  if (model !== undefined) loaded.use(model, 0);
  return reply.send();
};

async function removeVirtual({ library, store, catalog }: Services, name: string): Promise<void> {
  // A backend may have a model of this name, which then is their base.
  const isBaseLeft = (await catalog.findListed(name)) !== undefined;
  if (!isBaseLeft) refuseBase(name, await library.madeOf(name));
  if (!(await store.delete(name))) throw modelNotFound(name);
}

async function removeBackends(
  { library, control }: Services,
  name: string,
  model: LibraryModel,
): Promise<void> {
  const { upstream, entry } = model;
  if (controlOf(upstream, entry.ownedBy)?.delete !== undefined) {
    refuseBase(name, await madeDirectlyOf(model, library));
    if (await control.delete(model)) return;
  }
  const message = `model '${name}' belongs to the backend "${upstream.id}" and can't be deleted here`;
  throw new ProxyError("invalid_request", message, { status: 403 });
}

/** Whatever name of it they were made with. */
async function madeDirectlyOf(
  { upstream, entry }: LibraryModel,
  library: Library,
): Promise<readonly VirtualModel[]> {
  const models = await library.list();
  return models.flatMap((model) => {
    const [made, ...between] = model.virtual?.chain ?? [];
    const isSame = model.upstream === upstream && model.entry.id === entry.id;
    return made !== undefined && between.length === 0 && isSame ? [made] : [];
  });
}

/** A virtual model is nothing without its base. */
function refuseBase(name: string, users: readonly VirtualModel[]): void {
  if (users.length === 0) return;
  const names = users.map((user) => user.name).join(", ");
  throw invalidRequest(`model '${name}' can't be deleted: ${names} would be without a base`);
}
