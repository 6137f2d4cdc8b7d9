import type { Dialect, DialectOverrides, ThinkValue } from "../dialects/dialect.ts";
import type { Refusal } from "../errors.ts";
import { asObject, asText, type JsonObject } from "../openai/json.ts";
import { kindOfRefusal } from "../openai/refusals.ts";

/** What a refusal taught: a correction of the dialect, and what it is in words. */
export interface Lesson {
  readonly overrides: DialectOverrides;
  readonly what: string;
}

/** What was asked, and refused. */
export interface Attempt {
  readonly path: string;
  readonly body: JsonObject;
  readonly dialect: Dialect;
  readonly think: ThinkValue | undefined;
  /** Whether `format` is a schema, if there is one. */
  readonly format: "json" | "schema" | undefined;
}

interface Complaint {
  readonly attempt: Attempt;
  readonly text: string;
  /** Fields of the body that the refusal names. */
  readonly fields: readonly string[];
}

/** One thing that can be learned. The first of the table that applies is tried. */
type Rule = (complaint: Complaint) => Lesson | undefined;

/**
 * What can be done about a refusal: dropped, renamed, moved into range or said in another way. Only
 * fields that the translation added; messages, images and tools stay. Undefined for everything that
 * other words would not help: keys, limits, an unknown model, a full context.
 */
export function learnFrom(refusal: Refusal, attempt: Attempt): Lesson | undefined {
  const { status } = refusal;
  if (isMissingRoute(refusal, attempt)) return noInfill(attempt);
  if (status !== 400 && status !== 422 && status !== undefined) return undefined;
  const complaint = {
    attempt,
    text: refusal.message,
    fields: namedFields(refusal, attempt.body),
  };
  for (const rule of wordingRules) {
    const lesson = rule(complaint);
    if (lesson !== undefined) return lesson;
  }
  if (kindOfRefusal(refusal) !== undefined) return undefined;
  for (const rule of fieldRules) {
    const lesson = rule(complaint);
    if (lesson !== undefined) return lesson;
  }
  return undefined;
}

/** Refusals that are known by their wording, some of which sound like a full context. */
const wordingRules: readonly Rule[] = [
  renameLimit,
  clampLimit,
  ({ attempt, text }) =>
    /contain the word 'json'/i.test(text) && !attempt.dialect.json_word
      ? { overrides: { json_word: true }, what: 'said "JSON" in the prompt' }
      : undefined,
  ({ attempt, text }) =>
    /must be passed back|reasoning_content is missing/i.test(text) &&
    attempt.dialect.thoughts !== "required_reasoning_content"
      ? {
          overrides: { thoughts: "required_reasoning_content" },
          what: "sent earlier thoughts back",
        }
      : undefined,
  ({ attempt, text }) =>
    /prefill is incompatible with enable_thinking/i.test(text) &&
    attempt.dialect.prefill !== null &&
    !Object.hasOwn(attempt.dialect.prefill.request, "chat_template_kwargs")
      ? {
          overrides: {
            prefill: {
              ...attempt.dialect.prefill,
              request: {
                ...attempt.dialect.prefill.request,
                chat_template_kwargs: { enable_thinking: false },
              },
            },
          },
          what: "switched thinking off to continue a message",
        }
      : undefined,
  ({ attempt, text }) =>
    /system role not supported|system (role|messages?) (is|are) not supported/i.test(text) &&
    attempt.dialect.system_role
      ? { overrides: { system_role: false }, what: "put system messages into the first user's" }
      : undefined,
  ({ attempt, text }) =>
    /roles? must alternate|should be alternating|roles? should alternate/i.test(text) &&
    !attempt.dialect.alternating_roles
      ? { overrides: { alternating_roles: true }, what: "joined neighbours of one role" }
      : undefined,
  onlyDefaultSampling,
];

/** Refusals that name a field. */
const fieldRules: readonly Rule[] = [
  stepDownFormat,
  forField(["stream_options"], () => ({
    overrides: { stream_usage: false },
    what: "left out stream_options",
  })),
  dropThinking,
  forField(["logprobs", "top_logprobs"], () => ({
    overrides: { logprobs: "none" },
    what: "left out logprobs",
  })),
  forField(["reasoning_content", "reasoning"], ({ dialect }) =>
    dialect.thoughts === "drop"
      ? undefined
      : { overrides: { thoughts: "drop" }, what: "left out earlier thoughts" },
  ),
  forField(["parallel_tool_calls"], () => ({
    overrides: { parallel_tool_calls: false },
    what: "left out parallel_tool_calls",
  })),
  forField(["suffix"], ({ dialect }) =>
    dialect.insert?.shape === "tokens"
      ? undefined
      : {
          overrides: { insert: { path: "/completions", shape: "tokens" } },
          what: "put the suffix into the prompt",
        },
  ),
  fewerStops,
  dropSampler,
];

/** A route that is not there, where another could do. */
function isMissingRoute({ status }: Refusal, { path, dialect }: Attempt): boolean {
  return (
    (status === 404 || status === 405 || status === 501) &&
    path === dialect.insert?.path &&
    dialect.insert.shape !== "tokens" &&
    dialect.completions !== null
  );
}

function noInfill({ path, dialect }: Attempt): Lesson | undefined {
  const { completions } = dialect;
  if (completions === null) return undefined;
  return {
    overrides: { insert: { path: completions, shape: "tokens" } },
    what: `filled gaps without ${path}`,
  };
}

const limitFields = ["max_tokens", "max_completion_tokens"] as const;

function renameLimit({ attempt: { body, dialect }, text }: Complaint): Lesson | undefined {
  if (!limitFields.every((name) => new RegExp(`\\b${name}\\b`).test(text))) return undefined;
  const sent = limitFields.find((name) => body[name] !== undefined);
  if (sent === undefined || /too large/i.test(text)) return undefined;
  const other = sent === "max_tokens" ? "max_completion_tokens" : "max_tokens";
  return {
    overrides: { options: { ...dialect.options, num_predict: [other] } },
    what: `renamed ${sent} to ${other}`,
  };
}

function clampLimit({ attempt: { body, dialect }, text, fields }: Complaint): Lesson | undefined {
  const sent = limitFields.find((name) => body[name] !== undefined);
  if (sent === undefined || !(fields.includes(sent) || /max.?tokens/i.test(text))) return undefined;
  const most =
    /(?:less than or equal to|at most|<=|maximum(?: value)? (?:is|of)|up to|no more than)\s+(\d+)/i.exec(
      text,
    )?.[1];
  const limit = Number(most);
  if (most === undefined || limit < 1 || limit >= Number(body[sent])) return undefined;
  return {
    overrides: { ranges: { ...dialect.ranges, [sent]: [1, limit] } },
    what: `limited ${sent} to ${limit}`,
  };
}

const sampling = ["temperature", "top_p", "presence_penalty", "frequency_penalty"];

/** A model that thinks takes no sampling at all; it complains of one field after the other. */
function onlyDefaultSampling({ attempt: { dialect }, text, fields }: Complaint) {
  const named = fields.filter((name) => sampling.includes(name));
  if (named.length === 0 || !/only the default/i.test(text)) return undefined;
  return withoutOptions(dialect, sampling, "left out sampling");
}

function stepDownFormat({ attempt, text, fields }: Complaint): Lesson | undefined {
  const { dialect, format } = attempt;
  if (format === undefined) return undefined;
  const isNamed =
    fields.includes("response_format") ||
    fields.includes("json_schema") ||
    /response_format|json_schema|json_object|grammar|invalid schema/i.test(text);
  const [current, ...rest] = dialect[format];
  if (!isNamed || current === undefined || current === "prompt") return undefined;
  const next = rest[0] ?? "no format";
  return { overrides: { [format]: rest }, what: `asked for ${format} by ${next}` };
}

const thinkFields = ["think", "reasoning_effort", "chat_template_kwargs", "extra_body"];

/** A value that is refused costs its row of the table, a field that is unknown all rows theirs. */
function dropThinking({ attempt: { dialect, think }, text, fields }: Complaint) {
  const row = think === undefined ? undefined : dialect.think[think];
  if (think === undefined || row === undefined) return undefined;
  const own = Object.keys(row);
  const isNamed =
    fields.some((name) => own.includes(name) || thinkFields.includes(name)) ||
    /does not support thinking|(reasoning|thinking) is not supported/i.test(text);
  if (!isNamed || own.length === 0) return undefined;
  const named = own.filter((name) => fields.includes(name));
  const refused = named.length > 0 ? named : own;
  const isValue = /unsupported value|invalid value|must be (one )?of|expected one of/i.test(text);
  const left = Object.entries(dialect.think).flatMap(([value, sent]) => {
    if (isValue && value !== think) return [[value, sent] as const];
    const kept = Object.entries(sent).filter(([name]) => !refused.includes(name));
    const saysLess = kept.length < Object.keys(sent).length;
    return saysLess && kept.length === 0 ? [] : [[value, Object.fromEntries(kept)] as const];
  });
  return {
    overrides: { think: Object.fromEntries(left) },
    what: `left out ${refused.join(", ")}${isValue ? ` for think ${think}` : ""}`,
  };
}

function fewerStops({ attempt: { dialect }, text, fields }: Complaint): Lesson | undefined {
  if (!fields.includes("stop") || dialect.max_stops === 0) return undefined;
  const most = Number(
    /(?:at most|maximum of|up to|<=|less than or equal to)\s+(\d+)/i.exec(text)?.[1],
  );
  const taken = most > 0 && most < dialect.max_stops ? most : 0;
  return { overrides: { max_stops: taken }, what: `sent ${taken} stop texts` };
}

function dropSampler({ attempt: { dialect }, fields }: Complaint): Lesson | undefined {
  const wireNames = new Set(Object.values(dialect.options).flat());
  const named = fields.filter((name) => wireNames.has(name));
  return named.length === 0
    ? undefined
    : withoutOptions(dialect, named, `left out ${named.join(", ")}`);
}

function withoutOptions(
  dialect: Dialect,
  names: readonly string[],
  what: string,
): Lesson | undefined {
  const kept = Object.entries(dialect.options).map(
    ([option, wireNames]) => [option, wireNames.filter((name) => !names.includes(name))] as const,
  );
  const unchanged = kept.every(([, left], index) => {
    return left.length === Object.values(dialect.options)[index]?.length;
  });
  return unchanged ? undefined : { overrides: { options: Object.fromEntries(kept) }, what };
}

function forField(names: readonly string[], learn: (attempt: Attempt) => Lesson | undefined): Rule {
  return ({ attempt, fields }) =>
    fields.some((name) => names.includes(name)) ? learn(attempt) : undefined;
}

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
function namedFields({ param, locations, message }: Refusal, body: JsonObject): readonly string[] {
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
