import type { Refusal } from "../errors.ts";
import { asObject, asText, type JsonObject } from "../openai/json.ts";

/** The wordings by which backends name a field they do not take. */
const namings: readonly RegExp[] = [
  /property '(?:body\.)?([\w.]+)' is unsupported/g,
  /unrecognized request arguments?(?: supplied)?:?\s*(\w+)/gi,
  /unknown (?:parameter|field|name)[:\s]+["'`\\]*(\w+)/gi,
  /unsupported (?:parameter|value)[:\s]+["'`]?(\w+)/gi,
  /field: '([^']+)'/gi,
  /argument not supported on this model: (\w+)/gi,
  /["'`]?(\w+)["'`]? is not supported/gi,
  /does not support (?:the )?(?:parameter )?["'`]?(\w+)/gi,
  /["'`](\w+(?:\.\w+)*)["'`]/g,
  /'loc': \('body', (?:'messages', \d+, )?'(\w+)'/g,
];

/** Fields of the body (and of its messages) that a refusal names, by their own names. */
export function namedFields(
  { param, locations, message }: Refusal,
  body: JsonObject,
): readonly string[] {
  const words = [
    ...(param === undefined ? [] : [param]),
    ...locations,
    ...namings.flatMap((pattern) => [...message.matchAll(pattern)].map((match) => match[1] ?? "")),
    // Fields with underscores are no ordinary words: they count wherever they stand.
    ...(message.match(/\b[a-z]+_[a-z_]+\b/g) ?? []),
    ...(/\bstop\b.*not supported/i.test(message) ? ["stop"] : []),
  ];
  const known = knownFields(body);
  return [...new Set(words.flatMap((word) => candidates(word)))].filter((name) => known.has(name));
}

/** `body.messages[1].reasoning_details` → its parts; `reasoningEffort` → `reasoning_effort`. */
function candidates(word: string): string[] {
  const snake = word.replace(/([a-z])([A-Z])/g, "$1_$2").toLowerCase();
  return [word, snake, ...word.split(/[.[\]]+/)].filter((part) => asText(part) !== undefined);
}

function knownFields(body: JsonObject): ReadonlySet<string> {
  const messages = Array.isArray(body["messages"]) ? (body["messages"] as unknown[]) : [];
  return new Set([
    ...Object.keys(body),
    ...Object.keys(asObject(body["response_format"]) ?? {}),
    ...messages.flatMap((message) => Object.keys(asObject(message) ?? {})),
  ]);
}
