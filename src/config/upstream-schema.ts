import { z } from "zod";
import { dialectIds } from "../dialects/dialects.ts";
import { overrideFields, type ConfiguredOverrides } from "../dialects/overrides.ts";
import { httpUrl, name } from "./fields.ts";
import { backendLimits, backendTimes, priority, weight } from "./traffic-schema.ts";

export const dialect = z
  .enum(dialectIds)
  .optional()
  .describe("How it differs from OpenAI's API; told from its address and answers when absent.");

const key = z.string().min(1, "expected a key, got an empty text");

export const upstreamSchema = z.strictObject({
  id: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, "expected letters, digits, dots, dashes")
    .describe("Name of this backend in messages and logs, and before the `/` of `id/model`."),
  base_url: httpUrl
    .refine((url) => !/^[a-z]+:\/\/[^/]*@/i.test(url), "put the key into api_key, not into the URL")
    .describe("Address of its OpenAI-compatible API, with `/v1` where it has one."),
  kind: z
    .enum(["openai", "ollama"])
    .default("openai")
    .describe(
      "`ollama`: a real Ollama, at its address without `/v1`; its own API is passed on unchanged.",
    ),
  api_key: z
    .union([key, z.array(key).min(1)])
    .transform((given) => (typeof given === "string" ? [given] : given))
    .optional()
    .describe(
      "Its key, or a list of keys to use in turn; write `${NAME}` to take one from the environment, `${file:PATH}` from a file.",
    ),
  auth: z
    .enum(["bearer", "api-key", "none", "client"])
    .optional()
    .describe(
      "How the key is sent; as the dialect has it when absent. `client`: each caller's own key is passed on, and `api_key` is only used to ask for the list of models.",
    ),
  dialect,
  overrides: overrideFields
    .transform((given) => given as ConfiguredOverrides)
    .optional()
    .describe(
      "Corrections of that dialect, field by field; of `options`, `ranges` and `think` entry by entry.",
    ),
  priority: priority
    .default(0)
    .describe("Of backends that serve the same model, the one with the least number goes first."),
  weight: weight
    .default(1)
    .describe(
      "Its share of the requests, among those of one priority where the policy is `weighted`.",
    ),
  limits: z
    .strictObject(backendLimits)
    .partial()
    .optional()
    .describe("Its own, where they differ from `limits`."),
  timeouts: z
    .strictObject(backendTimes)
    .partial()
    .optional()
    .describe("Its own, where they differ from `timeouts`."),
  ca_file: name
    .optional()
    .describe(
      "File with certificates, as PEM, to trust besides the well-known ones; sought from the folder of the configuration file.",
    ),
  insecure_tls: z
    .boolean()
    .default(false)
    .describe("Take any certificate of it. Whoever is on the way can then read its key."),
  proxy: httpUrl
    .refine(
      hasReadableUser,
      "the user and the password in it can't be read; write `%25` for a `%` that stands for itself",
    )
    .optional()
    .describe("HTTP proxy on the way to it. None is taken from the environment."),
  models: z
    .array(name)
    .optional()
    .describe("Its models by name, for a backend that can't list them."),
  include: z
    .array(name)
    .optional()
    .describe("Ids of the models to serve; `*` stands for anything. All when absent."),
  exclude: z
    .array(name)
    .optional()
    .describe("Ids of models not to serve; `*` stands for anything."),
  rename: z
    .record(z.string(), name)
    .optional()
    .describe("Id of a model: the name that clients see instead."),
  headers: z
    .record(z.string(), z.string())
    .optional()
    .describe("Headers it wants besides the key, such as an organisation or an API version."),
});

/** What is no URL at all is told elsewhere. */
function hasReadableUser(url: string): boolean {
  if (!URL.canParse(url)) return true;
  const { username, password } = new URL(url);
  try {
    decodeURIComponent(`${username}:${password}`);
    return true;
  } catch {
    return false;
  }
}
