import { ProxyError, type ErrorCode } from "../errors.ts";
import type { NativeRequest, NativeShape } from "../inference/native-answers.ts";
import type { LibraryModel } from "../models/library.ts";
import { parseKeepAlive } from "../ollama/duration.ts";
import { comparableName } from "../ollama/model-name.ts";
import { asCount, asObject, asText, isObject, type JsonObject } from "../openai/json.ts";
import type { Target } from "../routing/resolve.ts";
import {
  isSilent,
  withKnownNames,
  withModel,
  withNativeDefaults,
  type NativeUse,
} from "../translate/native-request.ts";
import { ChatResponseEncoder, GenerateResponseEncoder } from "../translate/response-encoder.ts";
import { readJson, type ServiceHandler, type Services } from "./services.ts";

/** Milliseconds for a card that is on the disk there; ours can take its place. */
const cardPatience = 10_000;
/** What an Ollama says that is down, or not one at the moment. */
const absence: ReadonlySet<ErrorCode> = new Set([
  "upstream_unreachable",
  "upstream_timeout",
  "upstream_malformed",
  "upstream_truncated",
]);

/**
 * A route as a real Ollama answers it for its own models, and as the handler does for all others.
 * Without such a backend it is the handler alone.
 */
export function nativeOr(use: NativeUse, path: string, handler: ServiceHandler): ServiceHandler {
  return (services) => {
    const usual = handler(services);
    if (services.config.upstreams.every(({ kind }) => kind !== "ollama")) return usual;
    return async (request, reply) => {
      const body = readJson(request);
      const given = isObject(body) ? withKnownNames(body) : {};
      const name = asText(given["model"]) ?? (use === "show" ? asText(given["name"]) : undefined);
      const model = name === undefined ? undefined : await services.library.find(name);
      if (model?.upstream.kind !== "ollama" || name === undefined) return usual(request, reply);
      const target = { model, facts: services.cards.facts(model) };
      if (!(await areOllamas(services, target))) return usual(request, reply);
      // A virtual model's card is ours.
      if (use === "show" && model.virtual !== undefined) return usual(request, reply);
      const identity = { model: name, createdAt: new Date().toISOString() };
      if (use !== "show") note(services, model, given);
      const question = {
        request,
        reply,
        target,
        model: name,
        errors: "ollama" as const,
        path,
        shape: shapeOf(use, given),
        encoder:
          use === "generate"
            ? new GenerateResponseEncoder(identity)
            : new ChatResponseEncoder(identity),
        ...(use === "show" ? { patience: cardPatience } : {}),
        ask: (chosen: Target) => asked(use, name, chosen.model, given, request.body),
      };
      try {
        await services.native.answer(question);
      } catch (error) {
        // Clients show no model at all when one of those that are listed has no card.
        const isOurs = use === "show" && error instanceof ProxyError && absence.has(error.code);
        if (!isOurs) throw error;
        return usual(request, reply);
      }
      services.control.forget(model.upstream);
      return reply;
    };
  };
}

/** Whether all that may be asked are: an answer can't change its language on the way. */
async function areOllamas({ router }: Services, target: Target): Promise<boolean> {
  const tiers = await router.tiers(target);
  return tiers.flat().every(({ model }) => model.upstream.kind === "ollama");
}

/** For `/api/ps`. */
function note({ loaded }: Services, model: LibraryModel, body: JsonObject): void {
  const contextLength = asCount(asObject(body["options"])?.["num_ctx"]);
  loaded.use(model, parseKeepAlive(body["keep_alive"]), contextLength);
}

function shapeOf(use: NativeUse, body: JsonObject): NativeShape {
  const isText = use === "chat" || use === "generate";
  if (!isText || body["stream"] === false) return "document";
  return isSilent(use, body) ? "line" : "stream";
}

/** The client's bytes as they are if its name for the model is the backend's too. */
function asked(
  use: NativeUse,
  name: string,
  { entry, virtual }: LibraryModel,
  given: JsonObject,
  bytes: unknown,
): NativeRequest {
  const isSame = virtual === undefined && comparableName(name) === comparableName(entry.id);
  if (isSame && Buffer.isBuffer(bytes)) return { asked: name, body: bytes, ignored: [] };
  const { body, ignored } =
    virtual === undefined
      ? { body: given, ignored: [] }
      : withNativeDefaults(use, given, virtual.merged);
  return { asked: entry.id, body: JSON.stringify(withModel(body, entry.id)), ignored };
}
