import { Crashed, list, record, Refused, text, type Heard, type Rule } from "./backend.ts";

/** `field` may only be there together with `other`. */
export function needs(field: string, other: string, words: string): Rule {
  return ({ body }) => {
    const has = (name: string) => body[name] !== undefined && body[name] !== false;
    if (has(field) && !has(other)) throw new Refused(words, { param: field });
  };
}

export function noEmptyTools(words = "[] is too short - 'tools'"): Rule {
  return ({ body }) => {
    if (Array.isArray(body["tools"]) && body["tools"].length === 0)
      throw new Refused(words, { param: "tools" });
  };
}

/** The fields named are refused one by one, in the model's words. */
export function refuses(names: readonly string[], say: (name: string) => Refused): Rule {
  return ({ body }) => {
    const named = names.find((name) => body[name] !== undefined);
    if (named !== undefined) throw say(named);
  };
}

/** `null` where a number is read breaks the server. */
export const breaksOnNull: Rule = ({ body }) => {
  if (Object.values(body).includes(null)) throw new Crashed("null");
};

/** OpenAI reads the prompt before it accepts `json_object`. */
export const jsonWord: Rule = ({ fields, messages }) => {
  if (fields["format"] !== "json") return;
  if (!messages.some((message) => /json/i.test(message.text))) {
    throw new Refused(
      "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
      { param: "messages" },
    );
  }
};

/** A schema that is marked strict must close its objects and require all their keys. */
export const strictSchema: Rule = ({ fields }) => {
  if (fields["strict"] !== true) return;
  const { properties, required, additionalProperties } = record(fields["format"]);
  const keys = Object.keys(record(properties));
  const complete = keys.every((key) => list(required).includes(key));
  if (additionalProperties === false && complete) return;
  throw new Refused(
    "Invalid schema for response_format 'response': In context=(), 'additionalProperties' is required to be supplied and to be false.",
    { param: "response_format", code: "invalid_json_schema" },
  );
};

export const schemaIsObject: Rule = ({ fields }) => {
  const { format } = fields;
  if (format === undefined || format === "json" || record(format)["type"] === "object") return;
  throw new Refused(
    `Invalid schema for response_format 'response': schema must be a JSON Schema of 'type: "object"'.`,
    { param: "response_format", code: "invalid_json_schema" },
  );
};

/** Every result answers a call before it, every call has its result. */
export const pairedResults: Rule = ({ messages }) => {
  let open: string[] = [];
  for (const { role, calls, resultOf } of messages) {
    if (role === "tool") {
      if (!open.includes(resultOf ?? "")) {
        throw new Refused(
          "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
          { param: "messages" },
        );
      }
      open = open.filter((id) => id !== resultOf);
    } else {
      if (open.length > 0) {
        throw new Refused(
          `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${open.join(", ")}`,
          { param: "messages" },
        );
      }
      open = calls.map(({ id }) => id);
    }
  }
};

export const shortCallIds: Rule = ({ messages }) => {
  const ids = messages.flatMap(({ calls }) => calls.map(({ id }) => id));
  if (ids.some((id) => id === "" || id.length > 40))
    throw new Refused("Invalid 'messages': string too long. Expected at most 40 characters.");
};

/** Mistral's ids. */
export const nineCharacterIds: Rule = ({ messages }) => {
  const ids = messages.flatMap(({ calls, resultOf }) => [
    ...calls.map(({ id }) => id),
    ...(resultOf === undefined ? [] : [resultOf]),
  ]);
  const wrong = ids.find((id) => !/^[a-zA-Z0-9]{9}$/.test(id));
  if (wrong !== undefined) {
    throw new Refused(`Tool call id was ${wrong} but must be a-z, A-Z, 0-9, with a length of 9.`, {
      code: "3280",
      type: "invalid_request_message_order",
    });
  }
};

export const alternatingRoles: Rule = ({ messages }) => {
  const turns = messages.slice(messages.findIndex(({ role }) => role !== "system"));
  const wrong = turns.some(
    ({ role }, at) =>
      role === "system" || role === turns[at - 1]?.role || (at === 0 && role !== "user"),
  );
  if (wrong) {
    throw new Refused(
      "After the (optional) system message(s), user and assistant roles should be alternating.",
      { type: "invalid_message" },
    );
  }
};

export function endsWith(roles: readonly string[], say: (role: string) => Refused): Rule {
  return ({ route, messages }) => {
    if (route !== "chat") return;
    const role = messages.at(-1)?.role ?? "";
    if (!roles.includes(role)) throw say(role);
  };
}

export const noEmptyContent: Rule = ({ body }) => {
  for (const message of list(body["messages"])) {
    if (record(message)["content"] === "")
      throw new Refused("String should have at least 1 character", { param: "messages" });
  }
};

/** Except for an assistant that calls tools, a message has content, be it empty. */
export const contentIsThere: Rule = ({ body }) => {
  for (const message of list(body["messages"]).map(record)) {
    const may = message["role"] === "assistant" && message["tool_calls"] !== undefined;
    if (!may && (message["content"] === undefined || message["content"] === null))
      throw new Refused("All non-assistant messages must contain 'content'");
  }
};

/** Arguments of earlier calls are JSON in a text. */
export const textArguments: Rule = ({ body }) => {
  for (const message of list(body["messages"]).map(record)) {
    for (const call of list(message["tool_calls"]).map(record)) {
      if (typeof record(call["function"])["arguments"] !== "string")
        throw new Refused("invalid tool call arguments", { param: "messages" });
    }
  }
};

/** A thinking model wants its thoughts back with the calls it made. */
export function thoughtsWithCalls(say: (at: number) => string): Rule {
  return ({ body, fields }) => {
    if (fields["thinking"] === false) return;
    for (const [at, message] of list(body["messages"]).map(record).entries()) {
      if (message["tool_calls"] !== undefined && typeof message["reasoning_content"] !== "string")
        throw new Refused(say(at));
    }
  };
}

/** Gemini signs its calls and wants the signature back. */
export const signedCalls: Rule = ({ body }) => {
  for (const message of list(body["messages"]).map(record)) {
    for (const call of list(message["tool_calls"]).map(record)) {
      const google = record(record(call["extra_content"])["google"]);
      if (text(google["thought_signature"]) === "")
        throw new Refused("Function call is missing a thought_signature in functionCall parts.");
    }
  }
};

export function lastIsAssistant({ messages }: Heard): boolean {
  return messages.at(-1)?.role === "assistant";
}
