import { invalidRequest } from "../errors.ts";
import { comparableName } from "../ollama/model-name.ts";
import { mergeChain, type Merged, type VirtualModel } from "./virtual-model.ts";

/** More than anybody stacks; the library follows a chain of twice as many. */
const maxDepth = 16;

/** A model with these parts, of which empty ones count as not given. */
export function newModel(
  identity: Pick<VirtualModel, "name" | "from" | "modified_at">,
  parts: Merged,
): VirtualModel {
  const { system, template, parameters, messages, license, info, capabilities } = parts;
  return {
    ...identity,
    ...(isGiven(system) ? { system } : {}),
    ...(isGiven(template) ? { template } : {}),
    ...(isGiven(parameters) ? { parameters } : {}),
    ...(isGiven(messages) ? { messages } : {}),
    ...(isGiven(license) ? { license } : {}),
    ...(isGiven(info) ? { info } : {}),
    ...(isGiven(capabilities) ? { capabilities } : {}),
  };
}

function isGiven<T extends string | object>(value: T | undefined): value is T {
  return value !== undefined && Object.keys(value).length > 0;
}

/**
 * The model as it can be kept: made of the one that it replaces, it takes that one's parts along.
 * @param chain the virtual models that it is made of, the outermost first
 * @throws ProxyError 400 when it would be made of itself in a longer way
 */
export function settle(model: VirtualModel, chain: readonly VirtualModel[]): VirtualModel {
  const { name, modified_at } = model;
  const isThis = (other: string) => comparableName(other) === comparableName(name);
  const [first] = chain;
  if (first !== undefined && isThis(first.name)) {
    return newModel({ name, from: first.from, modified_at }, mergeChain([model, first]));
  }
  if (chain.some((link) => isThis(link.name) || isThis(link.from))) {
    throw invalidRequest(`model '${name}' can't be made of '${model.from}', which is made of it`);
  }
  if (chain.length >= maxDepth) {
    throw invalidRequest(`model '${name}' would stand on more than ${maxDepth} others`);
  }
  return model;
}
