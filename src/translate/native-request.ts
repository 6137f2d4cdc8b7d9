import { asArray, asObject, asText, type JsonObject } from "../openai/json.ts";
import { openingTurns, type ModelDefaults } from "./model-defaults.ts";

/** What a request asks of a real Ollama. */
export type NativeUse = "chat" | "generate" | "embed" | "show";

/** The members of requests that are looked at here. */
const knownNames = new Set(
  [
    ["model", "name", "stream", "options", "keep_alive", "messages", "prompt"],
    ["suffix", "images", "system", "template", "raw", "context"],
  ].flat(),
);

/** A request with its known members under their own names: Ollama takes them in any case. */
export function withKnownNames(body: JsonObject): JsonObject {
  const entries = Object.entries(body).map(([key, value]) => {
    const name = key.toLowerCase();
    return [knownNames.has(name) ? name : key, value] as const;
  });
  return Object.fromEntries(entries);
}

/** Whether it says nothing, and so only loads or unloads the model. */
export function isSilent(use: NativeUse, body: JsonObject): boolean {
  if (use === "chat") return asArray(body["messages"]).length === 0;
  return (
    use === "generate" &&
    asText(body["prompt"]) === undefined &&
    asText(body["suffix"]) === undefined &&
    asArray(body["images"]).length === 0
  );
}

/** The same request of a model under another name. */
export function withModel(body: JsonObject, model: string): JsonObject {
  const { name: _, ...rest } = body;
  return { ...rest, model };
}

/**
 * A request of a virtual model as one of its base: what Ollama would merge on the way is put into the
 * request's own members, where it has such, and named as ignored where it has not.
 */
export function withNativeDefaults(
  use: NativeUse,
  body: JsonObject,
  model: ModelDefaults,
): { readonly body: JsonObject; readonly ignored: readonly string[] } {
  const options = { ...model.parameters, ...present(asObject(body["options"])) };
  const merged = { ...body, ...(Object.keys(options).length === 0 ? {} : { options }) };
  if (isSilent(use, body)) return { body: merged, ignored: [] };
  if (use === "chat") return withChat(merged, model);
  return use === "generate" && body["raw"] !== true
    ? withGenerate(merged, model)
    : { body: merged, ignored: [] };
}

function withChat(body: JsonObject, model: ModelDefaults) {
  const given = asArray(body["messages"]);
  const opening = openingTurns(model, asObject(given[0])?.["role"] === "system");
  return {
    body: { ...body, messages: [...opening, ...given] },
    ignored: model.template ? ["template"] : [],
  };
}

function withGenerate(body: JsonObject, { system, template, messages }: ModelDefaults) {
  const isNew = asArray(body["context"]).length === 0;
  return {
    body: {
      ...body,
      ...(system === undefined ? {} : { system: asText(body["system"]) ?? system }),
      ...(template === undefined ? {} : { template: asText(body["template"]) ?? template }),
    },
    ignored: isNew && messages.length > 0 ? ["messages"] : [],
  };
}

/** `null` means absence in Go. */
function present(options: JsonObject | undefined): JsonObject {
  return Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== null));
}
