import type { Refusal } from "../errors.ts";
import { kindOfRefusal } from "../openai/refusals.ts";
import { fieldRules } from "./field-rules.ts";
import type { Attempt, Complaint, Lesson } from "./lesson.ts";
import { namedFields } from "./named-fields.ts";
import { wordingRules } from "./wording-rules.ts";

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

function isNoRoute(status: number | undefined): boolean {
  return status === 404 || status === 405 || status === 501;
}

/** A route that is not there, where another could do. */
function isMissingRoute({ status }: Refusal, { path, dialect }: Attempt): boolean {
  return (
    isNoRoute(status) &&
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
    (isNoRoute(status) ||
      /is a chat model|v1\/chat\/completions|completion operation does not work/i.test(message))
  );
}

const noCompletions: Lesson = {
  overrides: { completions: null },
  what: "asked for no bare text",
};
