import type { Refusal } from "../errors.ts";

/** What a refusal is about, where another wording of the request would not help. */
export type RefusalKind = "overflow" | "model" | "key" | "tools" | "filter" | "limit";

interface Pattern {
  readonly kind: RefusalKind;
  readonly text: RegExp;
}

const input = "input|prompt|request|content|messages?";
const notOfTheInput = "accounts?|organi[sz]ations?|api.?keys?|credentials?|billing";

/**
 * Backends tell these apart by their words alone; the first that fits counts. Limits come first,
 * since their texts speak of tokens too.
 */
const patterns: readonly Pattern[] = [
  {
    kind: "limit",
    text: /rate.?limit|quota|tokens per (minute|day)|too many requests|insufficient (balance|credit)/i,
  },
  {
    kind: "filter",
    // Of what is asked: an account that is flagged is another matter.
    text: new RegExp(
      `^(?!.*\\b(${notOfTheInput})\\b).*(${[
        "content.?(management policy|filter|policy)",
        "ResponsibleAIPolicy",
        "moderation_blocked",
        "safety (system|check|settings)",
        `\\b(${input})\\b.{0,80}\\b(flagged|moderated)\\b`,
        `\\b(${input})\\b.{0,80}\\bviolat\\w*.{0,40}\\b(policy|policies|guidelines)\\b`,
      ].join("|")})`,
      "is",
    ),
  },
  {
    kind: "overflow",
    text: new RegExp(
      [
        "context[ _](length|size|window)",
        "maximum (model|context|prompt) length",
        "exceeds? (the )?(available )?context",
        "exceed_context_size",
        "prompt is too long",
        "input is too long",
        "input token count .* exceeds",
        "tokens? exceeds? the (configured )?limit",
        "prompt token count of \\d+ exceeds",
        "longer than the (model's )?(maximum|context)",
        "greater than (the context|max_seq_len)",
        "too large for model with",
        "too many tokens",
        "reduce the length of the (messages|prompt|input)",
        "exceeded model token limit",
        "range of input length should be",
        "tokens \\+ `?max_new_tokens",
        "reached context length",
      ].join("|"),
      "i",
    ),
  },
  {
    kind: "tools",
    text: /does not support (tools|tool use|tool calling|function calling)|tool use is not supported|tools? param requires|tool choice requires/i,
  },
  {
    kind: "key",
    text: /api key not valid|incorrect api key|invalid api.?key|invalid authentication/i,
  },
  {
    kind: "model",
    text: /model not exist|model_not_found|is not a valid model|invalid model( identifier)?\b|no endpoints found|(model|deployment)\b.{0,200}?(does not exist|not found)|unknown model/i,
  },
];

/** Undefined for a refusal of anything else, such as a field. */
export function kindOfRefusal({ message, code }: Refusal): RefusalKind | undefined {
  const said = `${code ?? ""} ${message}`;
  return patterns.find(({ text }) => text.test(said))?.kind;
}

/**
 * How much of a prompt is too much, 0 to 1, by the numbers in the refusal: the window, and what was
 * asked of it. Half where there are none.
 */
export function overflowShare({ message }: Refusal): number {
  // Not the digits of a model's name.
  const figures = message.match(/(?<![\w.-])\d{2,}(?![\w-]|\.\d)/g) ?? [];
  const numbers = figures.map(Number).filter((number) => number > 0);
  const most = Math.max(...numbers);
  const least = Math.min(...numbers.filter((number) => number < most));
  if (!Number.isFinite(most) || !Number.isFinite(least)) return 0.5;
  return Math.min(0.95, Math.max(0.1, 1.1 - least / most));
}

/**
 * The output limit that would have fitted, where the prompt alone does: `A + B > C` (Anthropic,
 * TabbyAPI), `B > C - A` (vLLM), `requested N tokens (A in the messages, B in the completion)`.
 */
export function fittingLimit({ message }: Refusal): number | undefined {
  const [window, prompt] =
    read(/(?<prompt>\d+)\s*\+\s*\d+\s*(?:>|is greater than[^\d]*)\s*(?<window>\d+)/, message) ??
    read(/\(\d+\s*>\s*(?<window>\d+)\s*-\s*(?<prompt>\d+)\)/, message) ??
    read(
      /length is (?<window>\d+) tokens.*?\((?<prompt>\d+) in the messages, \d+ in the completion\)/,
      message,
    ) ??
    [];
  if (window === undefined || prompt === undefined) return undefined;
  return window > prompt ? window - prompt : undefined;
}

function read(pattern: RegExp, text: string): [window: number, prompt: number] | undefined {
  const groups = pattern.exec(text)?.groups;
  return groups === undefined ? undefined : [Number(groups["window"]), Number(groups["prompt"])];
}
