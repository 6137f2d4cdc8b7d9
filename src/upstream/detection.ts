import type { DialectId } from "../dialects/dialects.ts";
import { ProxyError } from "../errors.ts";
import { asArray, asObject, asText, isObject, type JsonObject } from "../openai/json.ts";

/** Whom a server names as the owner of its models. Hosted ones name their makers, so tell nothing. */
const owners: ReadonlyMap<string, DialectId> = new Map([
  ["vllm", "vllm"],
  ["sglang", "sglang"],
  ["llamacpp", "llamacpp"],
  ["library", "ollama"],
  ["koboldcpp", "koboldcpp"],
  ["tabbyAPI", "tabbyapi"],
  ["organization_owner", "lmstudio"],
  ["me", "llama-cpp-python"],
  ["omlx", "mlx"],
]);

/** Members that only one kind of backend has in its list, the surest first. */
const marks: readonly (readonly [DialectId, (model: JsonObject) => boolean])[] = [
  ["llamacpp", ({ meta }) => has(meta, "n_ctx_train")],
  ["lmstudio", ({ compatibility_type }) => typeof compatibility_type === "string"],
  ["openrouter", ({ top_provider }) => isObject(top_provider)],
  ["mistral", ({ capabilities }) => has(capabilities, "completion_chat")],
  ["vllm", ({ max_model_len }) => typeof max_model_len === "number"],
];

/** What a backend's list of models tells of its kind, if anything. */
export function dialectOfModelList(list: unknown): DialectId | undefined {
  const models = modelsOf(list);
  const owner = models.map((model) => owners.get(asText(model["owned_by"]) ?? ""));
  const mark = marks.find(([, isMarked]) => models.some(isMarked));
  return owner.find((id) => id !== undefined) ?? mark?.[0];
}

/** What a look at a backend told: its kind, if anything, and by what. */
export interface Finding {
  readonly id: DialectId | undefined;
  readonly because: string;
}

/** A route that shows what kind of server answers it. */
interface Probe {
  /** Below the base URL, or after `origin:` below the server itself. */
  readonly path: string;
  readonly tells: (body: unknown) => DialectId | undefined;
}

const listPath = "/models";

/**
 * The surest first, the list of models among them, for many servers have routes of others beside their own: KoboldCpp those of
 * llama.cpp and of Ollama, llama.cpp one of Ollama's, NIM the list of vLLM.
 */
const probes: readonly Probe[] = [
  {
    path: "origin:/api/extra/version",
    tells: shows("koboldcpp", ({ result }) => result === "KoboldCpp"),
  },
  {
    path: "origin:/props",
    tells: shows("llamacpp", (body) => isObject(body["default_generation_settings"])),
  },
  {
    path: "origin:/api/v1/models",
    tells: shows("lmstudio", (body) =>
      modelsOf(body).some((model) => has(model, "key") && has(model, "loaded_instances")),
    ),
  },
  { path: "origin:/api/v0/models", tells: dialectOfModelList },
  {
    path: "origin:/v1/health/ready",
    tells: shows("nim", ({ message }) => asText(message)?.startsWith("Service is ready") === true),
  },
  {
    path: "origin:/get_model_info",
    tells: shows("sglang", (body) => has(body, "model_path") && has(body, "is_generation")),
  },
  {
    path: "origin:/info",
    tells: shows("tgi", (body) => has(body, "model_id") && has(body, "max_total_tokens")),
  },
  {
    path: "origin:/system",
    tells: shows("localai", (body) => has(body, "backends") && has(body, "loaded_models")),
  },
  {
    path: "origin:/v1/model",
    tells: shows("tabbyapi", ({ parameters }) => has(parameters, "max_seq_len")),
  },
  { path: listPath, tells: dialectOfModelList },
  {
    path: "origin:/api/tags",
    tells: shows(
      "ollama",
      (body) =>
        Array.isArray(body["models"]) && modelsOf(body).every((model) => has(model, "digest")),
    ),
  },
];

/**
 * Asks a server what it is, all at once. Only the shape of an answer counts: LM Studio says 200 to
 * any route.
 * @param list of its models, where it is known already
 * @param getJson throws where nothing or no JSON comes in time
 * @returns undefined where nobody answers at all
 */
export async function probeDialect(
  list: unknown,
  getJson: (path: string) => Promise<unknown>,
): Promise<Finding | undefined> {
  let isThere = list !== undefined;
  const findings = await Promise.all(
    probes.map(async ({ path, tells }): Promise<Finding> => {
      const isList = path === listPath;
      const because = isList ? "its model list" : "its routes";
      try {
        const body = isList && list !== undefined ? list : await getJson(path);
        isThere = true;
        return { id: tells(body), because };
      } catch (error) {
        isThere ||= !isSilence(error);
        return { id: undefined, because };
      }
    }),
  );
  if (!isThere) return undefined;
  return (
    findings.find(({ id }) => id !== undefined) ?? { id: undefined, because: "its address alone" }
  );
}

function isSilence(error: unknown): boolean {
  return (
    error instanceof ProxyError &&
    (error.code === "upstream_unreachable" || error.code === "upstream_timeout")
  );
}

function shows(id: DialectId, isItsBody: (body: JsonObject) => boolean): Probe["tells"] {
  return (body) => (isObject(body) && isItsBody(body) ? id : undefined);
}

/** The models of `{data}`, of `{models}` or of a bare list. */
function modelsOf(list: unknown): readonly JsonObject[] {
  const object = asObject(list);
  return asArray(object?.["data"] ?? object?.["models"] ?? list).filter(isObject);
}

function has(value: unknown, name: string): boolean {
  return isObject(value) && Object.hasOwn(value, name);
}
