import { z } from "zod";
import { isValidModelName, withTag } from "../ollama/model-name.ts";
import { isCapability, type Capability } from "../ollama/responses.ts";
import { isDeeperThan } from "../openai/json.ts";

/**
 * A model that a user made over another one: exactly what its file in the store holds. It names no
 * backend's address and no key, so that whoever can write it can't choose where we connect.
 */
export interface VirtualModel {
  /** With its tag, as `ollama list` shows it. */
  readonly name: string;
  /** The base as the user named it: a backend's model, or another virtual one. */
  readonly from: string;
  readonly system?: string;
  readonly template?: string;
  /** Ollama's options. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly messages?: readonly ModelMessage[];
  readonly license?: readonly string[];
  readonly info?: Readonly<Record<string, unknown>>;
  /** Those of the base when absent. */
  readonly capabilities?: readonly Capability[];
  /** RFC 3339. */
  readonly modified_at: string;
}

/** A turn that every conversation with the model begins with. */
export interface ModelMessage {
  readonly role: string;
  readonly content: string;
}

/** What a chain of virtual models comes to over its base. */
export interface Merged {
  readonly system?: string;
  readonly template?: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly messages: readonly ModelMessage[];
  readonly license: readonly string[];
  readonly info: Readonly<Record<string, unknown>>;
  readonly capabilities?: readonly Capability[];
}

/** As deep as a request's body may be; printing what is deeper could overflow the stack. */
const maxDepth = 256;
/** Longer than any name of a model, with its host and folders. */
const maxFromLength = 1024;

const values = z
  .record(z.string(), z.unknown())
  .refine((given) => !isDeeperThan(given, maxDepth), "nested too deeply");

/**
 * The one check of a model, whether it comes from a file or from a request. A later version may know
 * more of it, which must survive this one.
 */
export const virtualModelSchema: z.ZodType<VirtualModel> = z.looseObject({
  name: z.string().refine(isValidModelName, "invalid model name").transform(withTag),
  from: z
    .string()
    .min(1)
    .max(maxFromLength)
    .refine(isNoUrl, "expected the name of a model, not a URL"),
  system: z.string().exactOptional(),
  template: z.string().exactOptional(),
  parameters: values.exactOptional(),
  messages: z.array(z.object({ role: z.string(), content: z.string() })).exactOptional(),
  license: z.union([z.array(z.string()), z.string().transform((text) => [text])]).exactOptional(),
  info: values.exactOptional(),
  capabilities: z
    .array(z.string())
    .transform((words) => words.filter(isCapability))
    .exactOptional(),
  modified_at: z.iso.datetime({ offset: true }),
});

/**
 * A chain of models as one, as `ollama create` does with FROM: the outer model's system, template and
 * messages replace the base's, empty ones count as not given, parameters are replaced one by one, and
 * licenses add up.
 * @param chain the outermost first
 */
export function mergeChain(chain: readonly VirtualModel[]): Merged {
  const outermost = <T extends string | readonly unknown[]>(
    pick: (model: VirtualModel) => T | undefined,
  ) => chain.map(pick).find((value) => value !== undefined && value.length > 0);
  const layered = (pick: (model: VirtualModel) => Readonly<Record<string, unknown>> | undefined) =>
    Object.fromEntries(chain.toReversed().flatMap((model) => Object.entries(pick(model) ?? {})));

  const system = outermost((model) => model.system);
  const template = outermost((model) => model.template);
  const known = outermost((model) => model.capabilities);
  return {
    ...(system === undefined ? {} : { system }),
    ...(template === undefined ? {} : { template }),
    parameters: layered((model) => model.parameters),
    messages: outermost((model) => model.messages) ?? [],
    license: chain.toReversed().flatMap((model) => model.license ?? []),
    info: layered((model) => model.info),
    ...(known === undefined ? {} : { capabilities: known }),
  };
}

function isNoUrl(text: string): boolean {
  return !/:\/\/|^\/\/|\p{Cc}/u.test(text);
}
