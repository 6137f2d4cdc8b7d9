import { withoutOptions, type Complaint, type Lesson, type Rule } from "./lesson.ts";

/** Refusals that are known by their wording, some of which sound like a full context. */
export const wordingRules: readonly Rule[] = [
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
