import type { Dialect, DialectOverrides, ThinkValue } from "../dialects/dialect.ts";
import type { Refusal } from "../errors.ts";
import type { JsonObject } from "../openai/json.ts";
import { kindOfRefusal } from "../openai/refusals.ts";
import { namedFields } from "./named-fields.ts";

/** What a refusal taught: a correction of the dialect, and what it is in words. */
export interface Lesson {
  readonly overrides: DialectOverrides;
  readonly what: string;
  /** It holds for the one request: what was refused is this value, or only beside another field. */
  readonly once?: true;
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
  const kind = kindOfRefusal(refusal);
  if (kind === undefined && refusesBareText(refusal, attempt)) return noCompletions;
  if (kind === undefined && isMissingRoute(refusal, attempt)) return noInfill(attempt);
  if (status !== 400 && status !== 422 && status !== undefined) return undefined;
  const complaint = {
    attempt,
    text: refusal.message,
    fields: namedFields(refusal, attempt.body),
  };
  const rules = kind === undefined ? [...wordingRules, ...fieldRules] : wordingRules;
  for (const rule of rules) {
    const lesson = rule(complaint);
    if (lesson !== undefined)
      return isOfCombination(complaint) ? { ...lesson, once: true } : lesson;
  }
  return undefined;
}

/** Some fields are refused only beside tools, or only in a stream. */
function isOfCombination({ text, attempt: { body } }: Complaint): boolean {
  return (
    body["tools"] !== undefined && /\b(with|and|alongside|when using) (tools|stream)/i.test(text)
  );
}

/** What is wrong is the value: another request with another one may be right. */
function isOfValue({ text }: Complaint): boolean {
  const ofField =
    /unknown|unrecognized|unsupported|not (permitted|supported|allowed)|extra (inputs|fields)|forbidden/i;
  const ofValue =
    /invalid|must be|expected|out of range|(above|below|less|greater|more) than|[<>]=?/i;
  return ofValue.test(text) && !ofField.test(text);
}

/** Refusals that are known by their wording, some of which sound like a full context. */
const wordingRules: readonly Rule[] = [
  renameLimit,
  moveIntoRange,
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
  forField(["logprobs", "top_logprobs", "n_probs"], () => ({
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

/** No route for bare text, or a model that only chats (OpenAI, Azure). A gap has other ways. */
function refusesBareText({ status, message }: Refusal, { path, body, dialect }: Attempt): boolean {
  return (
    path === dialect.completions &&
    body["suffix"] === undefined &&
    (status === 404 ||
      status === 405 ||
      status === 501 ||
      /is a chat model|v1\/chat\/completions|completion operation does not work/i.test(message))
  );
}

const noCompletions: Lesson = {
  overrides: { completions: null },
  what: "asked for no bare text",
};

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

/** `… at most N`, `<= N`, `8192 > N, which is the maximum`: the greatest value; the least alike. */
const bounds = {
  most: /(?:less than or equal to|at most|<=|maximum(?: \w+)* (?:is|of)|up to|no more than)\s*["'`]?(\d+(?:\.\d+)?)|\d+ > (\d+), which is the max/i,
  least:
    /(?:greater than or equal to|at least|>=|minimum(?: \w+)* (?:is|of)|no less than)\s*["'`]?(\d+(?:\.\d+)?)/i,
};

function moveIntoRange({
  attempt: { body, dialect },
  text,
  fields,
}: Complaint): Lesson | undefined {
  const numeric = new Set(Object.values(dialect.options).flat());
  const named = fields.filter((name) => numeric.has(name) && typeof body[name] === "number");
  const limit = limitFields.find((name) => body[name] !== undefined);
  const field = named[0] ?? (/max.?(completion.?)?tokens/i.test(text) ? limit : undefined);
  if (field === undefined) return undefined;
  const most = boundOf(bounds.most, text);
  const least = boundOf(bounds.least, text);
  const sent = Number(body[field]);
  const isBeyond = (most !== undefined && sent > most) || (least !== undefined && sent < least);
  if (!isBeyond || most === 0) return undefined;
  const anything = [field === limit ? 1 : -Number.MAX_VALUE, Number.MAX_VALUE] as const;
  const [low, high] = dialect.ranges[field] ?? anything;
  return {
    overrides: { ranges: { ...dialect.ranges, [field]: [least ?? low, most ?? high] } },
    what: `moved ${field} into its range`,
  };
}

function boundOf(pattern: RegExp, text: string): number | undefined {
  const found = pattern.exec(text);
  const bound = found?.[1] ?? found?.[2];
  return bound === undefined ? undefined : Number(bound);
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
  if (format === undefined || /schema for function|function.{0,20}parameters/i.test(text))
    return undefined;
  const isNamed =
    fields.includes("response_format") ||
    fields.includes("json_schema") ||
    /response_format|json_schema|json_object|grammar|invalid schema/i.test(text);
  const [current, ...rest] = dialect[format];
  if (!isNamed || current === undefined || current === "prompt") return undefined;
  const next = rest[0] ?? "no format";
  return {
    overrides: { [format]: rest },
    what: `asked for ${format} by ${next}`,
    // One bad schema says nothing of the next.
    ...(/invalid.{0,20}schema/i.test(text) ? { once: true as const } : {}),
  };
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

/** Never the output limit: without one an answer could cost without end. */
function dropSampler(complaint: Complaint): Lesson | undefined {
  const { dialect } = complaint.attempt;
  const { num_predict: _, ...droppable } = dialect.options;
  const wireNames = new Set(Object.values(droppable).flat());
  const named = complaint.fields.filter((name) => wireNames.has(name));
  return named.length === 0 || isOfValue(complaint)
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
