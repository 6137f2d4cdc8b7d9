import { contextOverflow, invalidRequest, modelNotFound, ProxyError } from "../errors.ts";
import { qualifiedName } from "../ollama/model-name.ts";
import { kindOfRefusal } from "../openai/refusals.ts";
import type { Exchange } from "./exchange.ts";

/**
 * A backend's refusal in Ollama's words, where Ollama has words for it. On `/v1` its own words stay,
 * which OpenAI's clients know, but for a model that is not there.
 * @param path what was asked of the backend
 */
export function explained(error: ProxyError, exchange: Exchange, path: string): ProxyError {
  const { refusal, status } = error;
  const { model, target } = exchange;
  // A real Ollama's words need no other.
  const isOllamas = target.model.upstream.kind === "ollama";
  if (refusal === undefined || status === 429 || isOllamas) return error;
  const isOllama = exchange.errors === "ollama";
  const kind = kindOfRefusal(refusal) ?? missing(error);
  if (kind === "model" && (status === 404 || (isOllama && status === 400))) {
    return modelNotFound(model);
  }
  if (!isOllama) return error;
  if (kind === "overflow") return contextOverflow();
  if (kind === "tools") return invalidRequest(`${qualifiedName(model)} does not support tools`);
  if (status !== 404 && status !== 405) return error;
  // A 404 would tell Ollama's clients that there is no such model.
  if (path === chatPath) return noSuchRoute(target.model.upstream.id, error);
  return invalidRequest(
    path === rawPath
      ? "raw completion is not supported by this backend"
      : `this backend has no ${path.replace("origin:", "")}`,
  );
}

/** The route that every backend has; without it the address must be wrong. */
const chatPath = "/chat/completions";
const rawPath = "/completions";

function noSuchRoute(upstream: string, cause: ProxyError): ProxyError {
  const text = `upstream "${upstream}" has no such route; check its base_url`;
  return new ProxyError("upstream_failed", text, { cause });
}

/** Where only the status says that something is not there, a word tells what. */
function missing({ status, message }: ProxyError): "model" | undefined {
  return status === 404 && /model|deployment/i.test(message) ? "model" : undefined;
}
