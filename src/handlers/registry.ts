import { invalidRequest, ProxyError } from "../errors.ts";
import { sendStatuses, type Status } from "../inference/status-stream.ts";
import { isValidModelName, qualifiedName } from "../ollama/model-name.ts";
import { parseModelRequest } from "../ollama/model-requests.ts";
import { readJson, type ServiceHandler, type Services } from "./services.ts";

/** `POST /api/pull`: a model that is there needs nothing; others are for the backends to fetch. */
export const pull: ServiceHandler = (services) => async (request, reply) => {
  const { model, stream } = parseModelRequest(readJson(request));
  const name = withoutScheme(model);
  if (!isValidModelName(name) && !(await isThere(services, name))) {
    throw invalidRequest("invalid model name");
  }
  const { config } = services;
  return sendStatuses({ config, request, reply, stream }, (signal) =>
    pulling(services, name, signal),
  );
};

/** @throws ProxyError in Ollama's words when the model can't be had. */
export async function* pulling(
  services: Services,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<Status> {
  yield { status: "pulling manifest" };
  if (!(await isThere(services, name))) {
    const fetching = services.control.pull(name, signal);
    if (fetching === undefined) {
      throw registryError("pull model manifest: file does not exist");
    }
    yield* fetching;
  }
  yield { status: "success" };
}

/** `POST /api/push`: there is nothing to send, and nowhere to send it to. */
export const push: ServiceHandler = (services) => async (request, reply) => {
  const { model, stream } = parseModelRequest(readJson(request));
  if (model === "") throw invalidRequest("model is required");
  const { config } = services;
  return sendStatuses({ config, request, reply, stream }, () =>
    pushing(services, withoutScheme(model)),
  );
};

async function* pushing(services: Services, name: string): AsyncGenerator<Status> {
  yield { status: "retrieving manifest" };
  if (await isThere(services, name)) {
    throw registryError("this server has no registry to push to: its models run on the backends");
  }
  yield { status: "couldn't retrieve manifest" };
  throw registryError(
    isValidModelName(name)
      ? `model '${name}' not found`
      : `unqualified name: ${qualifiedName(name)}`,
  );
}

/** Ollama's names may begin with the scheme of their registry. */
function withoutScheme(name: string): string {
  return name.replace(/^https?:\/\//i, "");
}

async function isThere({ library }: Services, name: string): Promise<boolean> {
  return name !== "" && (await library.findListed(name)) !== undefined;
}

/** Ollama's status, whoever is at fault. */
function registryError(message: string): ProxyError {
  return new ProxyError("not_found", message, { status: 500 });
}
