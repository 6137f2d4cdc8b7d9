import { z } from "zod";
import { check, foldKeys, optional, text } from "./fields.ts";

/** `POST /api/create`: a model made of another one. */
export interface CreateRequest {
  readonly model: string;
  readonly stream: boolean;
  readonly from: string;
  readonly system: string;
  readonly template: string;
  readonly license: readonly string[];
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly info: Readonly<Record<string, unknown>>;
  readonly files: Readonly<Record<string, unknown>>;
  readonly adapters: Readonly<Record<string, unknown>>;
  readonly quantize: string;
}

export interface CopyRequest {
  readonly source: string;
  readonly destination: string;
}

/** Delete, pull and push: a model, and how to tell of it. */
export interface ModelRequest {
  readonly model: string;
  readonly stream: boolean;
}

const values = optional(z.record(z.string(), z.unknown()));

const createFields = {
  model: text,
  name: text,
  stream: optional(z.boolean()),
  from: text,
  system: text,
  template: text,
  license: z.preprocess(
    (given) => (typeof given === "string" ? [given] : given),
    optional(z.array(z.string())),
  ),
  parameters: values,
  messages: optional(z.array(z.looseObject({ role: text, content: text }))),
  info: values,
  files: values,
  adapters: values,
  quantize: text,
  quantization: text,
};

const copyFields = { source: text, destination: text };

const modelFields = { model: text, name: text, stream: optional(z.boolean()) };

/** @throws ProxyError 400 that names the field. */
export function parseCreateRequest(body: unknown): CreateRequest {
  const parsed = check(z.object(createFields), foldKeys(body, createFields).fields);
  return {
    model: parsed.model || parsed.name || "",
    stream: parsed.stream ?? true,
    from: parsed.from ?? "",
    system: parsed.system ?? "",
    template: parsed.template ?? "",
    license: parsed.license ?? [],
    parameters: withoutNulls(parsed.parameters ?? {}),
    messages: (parsed.messages ?? []).map(({ role, content }) => ({
      role: role ?? "",
      content: content ?? "",
    })),
    info: parsed.info ?? {},
    files: parsed.files ?? {},
    adapters: parsed.adapters ?? {},
    quantize: parsed.quantize || parsed.quantization || "",
  };
}

/** @throws ProxyError 400 that names the field. */
export function parseCopyRequest(body: unknown): CopyRequest {
  const parsed = check(z.object(copyFields), foldKeys(body, copyFields).fields);
  return { source: parsed.source ?? "", destination: parsed.destination ?? "" };
}

/** `model`, or the older `name`. @throws ProxyError 400 that names the field. */
export function parseModelRequest(body: unknown): ModelRequest {
  const parsed = check(z.object(modelFields), foldKeys(body, modelFields).fields);
  return { model: parsed.model || parsed.name || "", stream: parsed.stream ?? true };
}

function withoutNulls(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== null));
}
