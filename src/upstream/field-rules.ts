import { withoutOptions, type Attempt, type Complaint, type Lesson, type Rule } from "./lesson.ts";

/** Refusals that name a field. */
export const fieldRules: readonly Rule[] = [
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

/** What is wrong is the value: another request with another one may be right. */
function isOfValue({ text }: Complaint): boolean {
  const ofField =
    /unknown|unrecognized|unsupported|not (permitted|supported|allowed)|extra (inputs|fields)|forbidden/i;
  const ofValue =
    /invalid|must be|expected|out of range|(above|below|less|greater|more) than|[<>]=?/i;
  return ofValue.test(text) && !ofField.test(text);
}

function forField(names: readonly string[], learn: (attempt: Attempt) => Lesson | undefined): Rule {
  return ({ attempt, fields }) =>
    fields.some((name) => names.includes(name)) ? learn(attempt) : undefined;
}
