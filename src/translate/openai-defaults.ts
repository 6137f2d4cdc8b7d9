import type { Dialect } from "../dialects/dialect.ts";
import { parseOptions, type Options, type OptionName } from "../ollama/options.ts";
import { asArray, asObject, type JsonObject } from "../openai/json.ts";
import type { Backend, Lowered } from "./backend.ts";
import { openingTurns, type ModelDefaults } from "./model-defaults.ts";
import { lowerOptions } from "./sampling.ts";

/** A route of `/v1`, and the room it has for what a model brings. */
interface Route {
  readonly use: "chat" | "completion";
  /** Where the system text and the model's messages go. */
  readonly words: (body: JsonObject, model: ModelDefaults) => Lowered;
  readonly options: (dialect: Dialect) => Dialect["options"];
}

const routes: ReadonlyMap<string, Route> = new Map<string, Route>([
  ["/chat/completions", { use: "chat", words: asTurns, options: ({ options }) => options }],
  ["/completions", { use: "completion", words: nowhere, options: ({ options }) => options }],
  [
    "/responses",
    {
      use: "chat",
      words: inField("instructions", "input"),
      // A model that takes no samplers in a chat takes none here.
      options: ({ options }) =>
        Object.fromEntries(
          Object.entries(responsesNames).filter(
            ([name]) => (options[name as OptionName] ?? []).length > 0,
          ),
        ),
    },
  ],
  [
    "/messages",
    { use: "chat", words: inField("system", "messages"), options: () => messagesNames },
  ],
]);

const responsesNames: Dialect["options"] = {
  temperature: ["temperature"],
  top_p: ["top_p"],
  num_predict: ["max_output_tokens"],
};

const messagesNames: Dialect["options"] = {
  temperature: ["temperature"],
  top_p: ["top_p"],
  top_k: ["top_k"],
  num_predict: ["max_tokens"],
  stop: ["stop_sequences"],
};

/** One limit is enough, whatever its name: beside another some backends refuse it. */
const limitNames = ["max_tokens", "max_completion_tokens", "max_output_tokens"];

/**
 * A request of a client's own, which `/v1` passes on, with what its model brings where the client
 * says nothing. `ignored` names what the route or the backend has no words for.
 * @param path below `/v1`
 */
export function withOpenAIDefaults(
  path: string,
  body: JsonObject,
  model: ModelDefaults,
  backend: Backend,
): { readonly body: JsonObject; readonly ignored: readonly string[] } {
  const route = routes.get(path);
  if (route === undefined) return { body, ignored: [] };
  const words = route.words(body, model);
  const parameters = lowerParameters(body, model, backend, route);
  return {
    body: { ...body, ...parameters.fields, ...words.fields },
    ignored: [...parameters.ignored, ...words.ignored, ...(model.template ? ["template"] : [])],
  };
}

function lowerParameters(
  body: JsonObject,
  model: ModelDefaults,
  backend: Backend,
  { use, options }: Route,
): Lowered {
  const names = options(backend.dialect);
  const isSaid = (name: string) =>
    [name, ...(name === "num_predict" ? limitNames : (names[name as OptionName] ?? []))].some(
      (field) => isGiven(body[field]),
    );
  const { known, unknown } = parseOptions(model.parameters);
  const wanted: Options = {
    known: Object.fromEntries(Object.entries(known).filter(([name]) => !isSaid(name))),
    unknown: unknown.filter((name) => !isSaid(name)),
  };
  // Only what the model says: a limit that the backend needs is the client's affair here.
  const dialect = { ...backend.dialect, options: names, limits_needed: [] };
  const { fields, ignored, stops } = lowerOptions(wanted, use, { ...backend, dialect }, 0);
  // Nobody watches for those that the backend does not take.
  return { fields, ignored: stops.length > 0 ? [...ignored, "options.stop"] : ignored };
}

function asTurns(body: JsonObject, model: ModelDefaults): Lowered {
  const given = asArray(body["messages"]);
  if (given.length === 0) return { fields: {}, ignored: [] };
  const messages = [...openingTurns(model, isSystem(given[0])), ...given];
  return { fields: { messages }, ignored: [] };
}

/** @param turns the field of the conversation, which may begin with a system text, too */
function inField(field: string, turns: string): Route["words"] {
  return (body, { system = "", messages }) => {
    const isSaid = isGiven(body[field]) || isSystem(asArray(body[turns])[0]);
    return {
      fields: system === "" || isSaid ? {} : { [field]: system },
      ignored: messages.length > 0 ? ["messages"] : [],
    };
  };
}

/** Bare text has no room for them. */
function nowhere(_: JsonObject, { system = "", messages }: ModelDefaults): Lowered {
  return {
    fields: {},
    ignored: [...(system === "" ? [] : ["system"]), ...(messages.length > 0 ? ["messages"] : [])],
  };
}

/** `developer` is OpenAI's newer name for it. */
function isSystem(turn: unknown): boolean {
  const role = asObject(turn)?.["role"];
  return role === "system" || role === "developer";
}

/** `null` means absence in OpenAI's requests. */
function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== "";
}
