import { z } from "zod";
import { invalidRequest } from "../errors.ts";
import { parseKeepAlive, type KeepAlive } from "./duration.ts";
import { check, foldKeys, optional, text } from "./fields.ts";
import { noOptions, parseOptions, type Options } from "./options.ts";

/** What both routes have in common. */
export interface EmbeddingRequest {
  readonly model: string;
  /** None where there is nothing to embed. */
  readonly texts: readonly string[];
  readonly options: Options;
  readonly keepAlive: KeepAlive | undefined;
  /** Fields the client sent that Ollama does not have, by name. */
  readonly unknown: readonly string[];
}

export interface EmbedRequest extends EmbeddingRequest {
  /** Whether a text that is too long may be cut. */
  readonly truncate: boolean;
  /** 0: as many as the model has. */
  readonly dimensions: number;
}

const commonFields = {
  model: text,
  options: optional(z.record(z.string(), z.unknown())),
  keep_alive: z.unknown().optional(),
};

const embedFields = {
  ...commonFields,
  input: z.unknown().optional(),
  truncate: optional(z.boolean()),
  dimensions: optional(z.int()),
};

const embeddingsFields = { ...commonFields, prompt: text };

const schemas = { embed: z.object(embedFields), embeddings: z.object(embeddingsFields) };

/** `POST /api/embed`. @throws ProxyError 400 that names the field. */
export function parseEmbedRequest(body: unknown): EmbedRequest {
  const { fields, unknown } = foldKeys(body, embedFields);
  const parsed = check(schemas.embed, fields);
  return {
    ...common(parsed, unknown),
    texts: parseInput(parsed.input),
    truncate: parsed.truncate ?? true,
    dimensions: Math.max(0, parsed.dimensions ?? 0),
  };
}

/** `POST /api/embeddings`, the older form. @throws ProxyError 400 that names the field. */
export function parseEmbeddingsRequest(body: unknown): EmbeddingRequest {
  const { fields, unknown } = foldKeys(body, embeddingsFields);
  const parsed = check(schemas.embeddings, fields);
  return { ...common(parsed, unknown), texts: parseInput(parsed.prompt) };
}

function common(
  parsed: z.output<z.ZodObject<typeof commonFields>>,
  unknown: readonly string[],
): Omit<EmbeddingRequest, "texts"> {
  return {
    model: parsed.model ?? "",
    options: parsed.options === undefined ? noOptions : parseOptions(parsed.options),
    keepAlive: parseKeepAlive(parsed.keep_alive),
    unknown,
  };
}

function parseInput(input: unknown): readonly string[] {
  if (input === undefined || input === null || input === "") return [];
  const texts: unknown[] = Array.isArray(input) ? input : [input];
  if (texts.every((item) => typeof item === "string")) return texts;
  throw invalidRequest("invalid input type");
}
