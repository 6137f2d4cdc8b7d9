import type { FastifyReply, FastifyRequest } from "fastify";
import { ProxyError, type ErrorCode } from "../errors.ts";
import { clientKeyOf } from "../inference/exchange.ts";
import type { NativeRequest, NativeShape } from "../inference/native-answers.ts";
import type { LibraryModel } from "../models/library.ts";
import { parseKeepAlive } from "../ollama/duration.ts";
import { comparableName } from "../ollama/model-name.ts";
import { asCount, asObject, asText, isObject, parseJson, type JsonObject } from "../openai/json.ts";
import type { Target } from "../routing/resolve.ts";
import { sendJsonText } from "../server/responses.ts";
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
/** What becomes of an Ollama that is down, or busy, or not one at the moment. */
const absence: ReadonlySet<ErrorCode> = new Set([
  "upstream_unreachable",
  "upstream_timeout",
  "upstream_malformed",
  "upstream_truncated",
  "upstream_overloaded",
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
      const ask = (chosen: Target) => asked(use, name, chosen.model, given, request.body);
      if (use === "show") {
        const card = await cardOf(model, path, ask(target).body, request, reply);
        return card === undefined ? usual(request, reply) : sendJsonText(reply, card);
      }
      const identity = { model: name, createdAt: new Date().toISOString() };
      note(services, model, given);
      await services.native.answer({
        request,
        reply,
        target,
        model: name,
        errors: "ollama",
        path,
        shape: shapeOf(use, given),
        encoder:
          use === "generate"
            ? new GenerateResponseEncoder(identity)
            : new ChatResponseEncoder(identity),
        ask,
      });
      services.control.forget(model.upstream);
      return reply;
    };
  };
}

/**
 * The card as its Ollama prints it, or undefined where ours takes its place: clients show no model at
 * all when one of those that are listed has no card. It is asked for beside all that answers go
 * through, since it needs no slot and says nothing of the backend's health.
 * @throws ProxyError for what the Ollama refuses
 */
async function cardOf(
  { upstream, virtual }: LibraryModel,
  path: string,
  body: string | Buffer,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<string | undefined> {
  if (virtual !== undefined) return undefined;
  const gone = new AbortController();
  const leave = () => gone.abort();
  reply.raw.once("close", leave);
  try {
    const card = await upstream.postText(path, body, {
      timeout: cardPatience,
      signal: gone.signal,
      key: upstream.usesClientKey ? { secret: clientKeyOf(request) } : undefined,
    });
    return isObject(parseJson(card)) ? card : undefined;
  } catch (error) {
    if (error instanceof ProxyError && absence.has(error.code)) return undefined;
    throw error;
  } finally {
    reply.raw.off("close", leave);
  }
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
