import { list, record, Refused, text, type Fields, type Hearing, type Json } from "./backend.ts";

/** The field means Ollama's option of this name. */
export function as(option: string, from = Number.NEGATIVE_INFINITY, status = 400): Hearing {
  return (value, name) => {
    if (typeof value === "number" && value < from) {
      throw new Refused(`Input should be greater than or equal to ${from}`, {
        param: name,
        status,
      });
    }
    return { [option]: value };
  };
}

/** Known, and without effect on what these tests look at. */
export const known: Hearing = () => ({});

/** An output limit. Only llama.cpp has a number that means none. */
export function limit(least = 1, status = 400): Hearing {
  return as("num_predict", least, status);
}

/** Stop texts, of which there may be so many. */
export function stops(most = Number.POSITIVE_INFINITY, status = 400, words?: string): Hearing {
  return (value, name) => {
    const texts = typeof value === "string" ? [value] : list(value);
    if (texts.length > most) {
      const message =
        words ??
        `Invalid '${name}': array too long. Expected an array with maximum length ${most}, but got an array with length ${texts.length} instead.`;
      throw new Refused(message, { param: name, code: "array_above_max_length", status });
    }
    return { stop: texts };
  };
}

type FormatKind = "json_object" | "json_object_schema" | "json_schema" | "json_value";

/** Kinds of `response_format`; any other is refused with these words. */
export function formats(kinds: readonly FormatKind[], words?: string, status = 400): Hearing {
  const takes = (kind: FormatKind) => kinds.includes(kind);
  return (value, name) => {
    const { type, schema, json_schema, value: grammar } = record(value);
    if (type === "text") return {};
    if (type === "json_object" && schema !== undefined && takes("json_object_schema"))
      return { format: schema };
    if (type === "json_object" && takes("json_object")) return { format: "json" };
    if (type === "json_schema" && takes("json_schema"))
      return { format: record(json_schema)["schema"], strict: record(json_schema)["strict"] };
    if (type === "json" && grammar !== undefined && takes("json_value")) return { format: grammar };
    throw new Refused(words ?? `Invalid value: '${text(type)}' for '${name}.type'.`, {
      param: name,
      status,
    });
  };
}

/** `reasoning_effort`; an effort that is not in the list is refused. */
export function efforts(...levels: readonly string[]): Hearing {
  return (value, name) => {
    if (!levels.includes(text(value))) {
      throw new Refused(
        `Invalid value: '${text(value)}' for '${name}'. Supported values are: ${levels.map((level) => `'${level}'`).join(", ")}.`,
        { param: name, code: "unsupported_value" },
      );
    }
    return { effort: value };
  };
}

/** Variables of the chat template of a model that can think. */
export const templateVariables: Hearing = (value) => {
  const variables = record(value);
  const on = [variables["enable_thinking"], variables["thinking"]].find(
    (flag) => typeof flag === "boolean",
  );
  const effort = variables["reasoning_effort"];
  return {
    ...(on === undefined ? {} : { thinking: on }),
    ...(effort === undefined ? {} : { effort }),
  };
};

/** `thinking: {type: "enabled" | "disabled"}` */
export const thinkingType: Hearing = (value, name) => {
  const { type, budget_tokens } = record(value);
  if (type !== "enabled" && type !== "disabled")
    throw new Refused(`${name}.type: expected 'enabled' or 'disabled'`, { param: name });
  return {
    thinking: type === "enabled",
    ...(budget_tokens === undefined ? {} : { budget: budget_tokens }),
  };
};

/** What a model that thinks was told in the end; nothing: it does as it is used to. */
export function heardThink({ thinking, effort }: Json): boolean | string | undefined {
  if (thinking === false || effort === "none") return false;
  if (typeof effort === "string") return effort;
  return thinking === true ? true : undefined;
}

/** What practically every backend knows. */
export const core: Fields = {
  model: known,
  messages: known,
  stream: known,
  temperature: as("temperature"),
  top_p: as("top_p"),
  stop: stops(),
  max_tokens: limit(),
  presence_penalty: as("presence_penalty"),
  frequency_penalty: as("frequency_penalty"),
  tools: as("tools"),
  tool_choice: known,
  stream_options: (value) => ({ usage: record(value)["include_usage"] === true }),
};

export const seed: Fields = { seed: as("seed") };

export const logprobs: Fields = { logprobs: as("logprobs"), top_logprobs: as("top_logprobs") };

/** What `/completions` shares with the chat of the same backend, and its own. */
export function completionFields(chat: Fields, extra: Fields = {}): Fields {
  const chatOnly = ["messages", "tools", "tool_choice", "response_format", "top_logprobs"];
  return {
    ...Object.fromEntries(Object.entries(chat).filter(([name]) => !chatOnly.includes(name))),
    prompt: as("prompt"),
    ...extra,
  };
}
